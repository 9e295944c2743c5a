"""The simulated retailer's control panel; the world itself owns it, for it is stored with it."""

from promo_kedro.world.parameters import SimulationParameters

__all__ = ["SimulationParameters"]
