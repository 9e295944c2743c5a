from pathlib import Path

import yaml

from promo_kedro.pipelines.simulation.parameters import SimulationParameters


def test_the_control_panel_names_every_parameter(project_path: Path) -> None:
    panel = yaml.safe_load((project_path / "conf/base/simulation/parameters.yml").read_text())
    given = panel["simulation"]

    def names(tree: dict) -> set[str]:
        return {
            f"{key}.{inner}"
            for key, value in tree.items()
            for inner in (names(value) if isinstance(value, dict) and key != "depths" else {""})
        }

    assert names(given) == names(SimulationParameters().model_dump())
    SimulationParameters.model_validate(given)
