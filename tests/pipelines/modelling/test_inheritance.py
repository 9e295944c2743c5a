"""What a network takes over from the one of the window before."""

from dataclasses import replace

import pytest
import torch

from promo_kedro.pipelines.modelling.calibration import Calibration
from promo_kedro.pipelines.modelling.inheritance import inherit
from promo_kedro.pipelines.modelling.networks import NETWORKS, Architecture, build
from promo_kedro.pipelines.modelling.purchase_model import Member, PurchaseModel
from promo_kedro.pipelines.modelling.stacking import Stack
from promo_kedro.pipelines.modelling.tensors import FeatureGroups
from promo_kedro.pipelines.modelling.vocabulary import Vocabulary

from .retailer import GROUPS

PARTS = ("static", "temporal")
FEATURES = FeatureGroups.from_json(GROUPS)
OLD = {"brand": Vocabulary(("a", "b", "c", "d")), "quarter": Vocabulary(("1", "2", "3"))}
# Lost: a and c, quarter 1. Moved: b, d, and quarters 2 and 3. New: e and f, and quarter 4.
NEW = {"brand": Vocabulary(("b", "d", "e", "f")), "quarter": Vocabulary(("2", "3", "4"))}


def architecture(network, levels, **changes):
    drawn = Architecture(
        name=network,
        static_levels=[levels["brand"].size],
        temporal_levels=[levels["quarter"].size],
        static_continuous=1,
        temporal_continuous=3,
        offers=[1],
        kernel_size=2,
        dilations=[1, 2],
        channels=5,
        dense_units=[4],
        embedding_size=4,
        dropout=0.0,
        input_limit=8.0,
    )
    return replace(drawn, **changes)


def trained(drawn, seed):
    """A network none of whose numbers stands at its start."""
    generator = torch.Generator().manual_seed(seed)
    network = build(drawn)
    with torch.no_grad():
        for values in network.state_dict().values():
            values.copy_(torch.rand(values.shape, generator=generator) + 0.1)
    return network


def older(name, levels=OLD, **changes):
    drawn = architecture(name, levels, **changes)
    return PurchaseModel(
        kind="category",
        networks={"first": Member(drawn, trained(drawn, 1))},
        trees={},
        stack=Stack({"first": 1.0}),
        calibration=Calibration(),
        vocabularies=levels,
        groups=FEATURES,
        record={},
    )


def states(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("name", list(NETWORKS))
def test_levels_keep_their_vectors_wherever_they_moved(name):
    model, network = older(name), trained(architecture(name, NEW), 2)
    start, old = states(network), states(model.networks["first"].network)
    assert inherit(network, FEATURES, NEW, model, "first") == ""
    now, tables = network.state_dict(), [f"{part}_embeddings.tables.0.weight" for part in PARTS]
    # Row 0 is the unknown level; then the levels in order.
    brand, quarter = (now[table] for table in tables)
    old_brand, old_quarter = (old[table] for table in tables)
    start_brand, start_quarter = (start[table] for table in tables)
    expected = torch.stack(
        [start_brand[0], old_brand[2], old_brand[4], start_brand[3], start_brand[4]]
    )
    assert torch.equal(brand, expected)
    expected = torch.stack([start_quarter[0], old_quarter[2], old_quarter[3], start_quarter[3]])
    assert torch.equal(quarter, expected)
    for part in now.keys() - set(tables):
        assert torch.equal(now[part], old[part])
        assert not torch.equal(now[part], start[part])
    assert {"static_scale.mean", "temporal_scale.scale"} < now.keys()
    after = states(model.networks["first"].network)
    assert all(torch.equal(after[part], old[part]) for part in old)


def test_more_levels_in_embeddings_of_the_same_size():
    few, many = (
        {**OLD, "brand": Vocabulary(tuple(map(str, range(10, last))))} for last in (20, 30)
    )
    model, network = older("ours", few), trained(architecture("ours", many), 2)
    start, table = states(network), "static_embeddings.tables.0.weight"
    assert inherit(network, FEATURES, many, model, "first") == ""
    now, old = network.state_dict()[table], model.networks["first"].network.state_dict()[table]
    assert torch.equal(now[1:11], old[1:])
    assert torch.equal(now[11:], start[table][11:])


LARGER = {**NEW, "brand": Vocabulary(tuple("bdefgh"))}
LAYERS = "the window before has other layers"


@pytest.mark.parametrize(
    ("levels", "changes", "recipe", "why"),
    [
        (LARGER, {}, "first", "the embedding of brand has another size than in the window before"),
        (NEW, {"channels": 6}, "first", LAYERS),
        (NEW, {"dilations": [1, 2, 4]}, "first", LAYERS),
        (NEW, {"name": "figure1"}, "first", LAYERS),
        (NEW, {}, "second", "the window before has no such recipe"),
    ],
)
def test_what_does_not_fit_leaves_the_network_as_it_was(levels, changes, recipe, why):
    network = trained(architecture("ours", levels, **changes), 2)
    start = states(network)
    assert inherit(network, FEATURES, levels, older("ours"), recipe) == why
    assert all(torch.equal(now, start[name]) for name, now in network.state_dict().items())


def test_other_features_do_not_fit():
    network = trained(architecture("ours", NEW), 2)
    start = states(network)
    renamed = replace(FEATURES, static_categorical=["maker"])
    levels = {"maker": NEW["brand"], "quarter": NEW["quarter"]}
    assert "features" in inherit(network, renamed, levels, older("ours"), "first")
    assert all(torch.equal(now, start[name]) for name, now in network.state_dict().items())
