"""What is needed to build a network again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """The size of a network and of what it reads.

    Attributes:
        name: ``figure1`` or ``ours``.
        static_levels, temporal_levels: Vocabulary size of each categorical feature.
        static_continuous, temporal_continuous: Number of continuous features.
        offers: Positions of the offer inputs among the temporal continuous features.
        kernel_size, dilations, channels: The dilated causal convolutions.
        dense_units: Units of the fully connected ReLU layers.
        embedding_size: Largest embedding.
        dropout: Share of values left out in training; ``ours`` only.
        input_limit: Largest scaled value, in standard deviations; never applied to offers.
    """

    name: str
    static_levels: list[int]
    temporal_levels: list[int]
    static_continuous: int
    temporal_continuous: int
    offers: list[int]
    kernel_size: int
    dilations: list[int]
    channels: int
    dense_units: list[int]
    embedding_size: int
    dropout: float
    input_limit: float

    @property
    def receptive_field(self) -> int:
        """Number of steps, the present one included, that one output sees."""
        return 1 + (self.kernel_size - 1) * sum(self.dilations)
