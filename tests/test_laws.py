"""The rules of the house, each held by a test."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kedro.config import OmegaConfigLoader
from kedro.framework.project import pipelines

HEAVY = (
    *("torch", "cvxpy", "numba", "matplotlib", "plotly", "lightning_fabric"),
    *("pandas", "ibis", "scipy", "sklearn"),
)
APART = ("simulation", "search", "export", "brands", "brand_scoring")
UNSAFE = ("pickle", "joblib", "allow_pickle", "marshal", "dill")


@pytest.fixture(scope="module")
def config(project_path):
    return OmegaConfigLoader(
        conf_source=str(project_path / "conf"), base_env="base", default_run_env="local"
    )


@pytest.fixture(scope="module")
def all_datasets():
    names = {name for pipeline in pipelines.values() for name in pipeline.datasets()}
    return {name for name in names if not name.startswith(("params:", "parameters"))}


def test_every_dataset_is_in_the_catalog_and_every_entry_is_used(config, all_datasets):
    assert set(config["catalog"]) == all_datasets


def test_every_parameter_is_read(config):
    read = {
        name.removeprefix("params:")
        for pipeline in pipelines.values()
        for name in pipeline.inputs()
        if name.startswith("params:")
    }
    assert set(config["parameters"]) == read


def test_every_table_between_pipelines_has_a_schema(config):
    catalog = config["catalog"]
    nodes = {node.name: node for pipe in pipelines.values() for node in pipe.nodes}.values()
    made_by = {output: node.namespace for node in nodes for output in node.outputs}
    crossing = {
        dataset
        for node in nodes
        for dataset in node.inputs
        if made_by.get(dataset, node.namespace) != node.namespace
    }
    tables = {
        name
        for name in crossing
        if catalog[name]["type"].endswith(("TableDataset", "ParquetDataset"))
        and not name.startswith("raw_")
    }
    assert tables
    assert [name for name in sorted(tables) if "validator" not in catalog[name]] == []


def test_the_default_pipeline_is_the_six(config):
    six = [name for name in pipelines if name not in ("__default__", *APART)]
    assert six == [
        "data_engineering",
        "modelling",
        "thresholding",
        "elasticity",
        "optimization",
        "evaluation",
    ]
    nodes = {node.name for name in six for node in pipelines[name].nodes}
    assert {node.name for node in pipelines["__default__"].nodes} == nodes


def test_only_scoring_reads_the_truth():
    nodes = [node for pipeline in pipelines.values() for node in pipeline.nodes]
    readers = {
        (node.namespace, node.short_name)
        for node in nodes
        if {"truth", "simulated_history", "world_end_state"} & set(node.inputs)
        and node.namespace != "simulation"
    }
    assert readers == {
        ("evaluation", "ask_the_truth"),
        ("evaluation", "value_offers"),
        ("evaluation", "score_true_brands"),
    }


def test_every_node_has_a_name_of_its_own():
    names = [
        node.name for node in [*pipelines["simulation"].nodes, *pipelines["__default__"].nodes]
    ]
    assert names
    # Kedro makes up a name with a hash in it where none is given.
    assert [name for name in names if "__" in name] == []


def test_registering_imports_nothing_heavy(project_path):
    code = (
        "import sys\n"
        "from promo_kedro.pipeline_registry import register_pipelines\n"
        "register_pipelines()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=project_path
    )
    assert result.stdout.strip() == "[]"


def test_nothing_is_pickled(project_path, config):
    assert not [entry for entry in config["catalog"].values() if "pickle" in entry["type"].lower()]
    for source in (project_path / "src").rglob("*.py"):
        found = [word for word in UNSAFE if re.search(rf"\b{word}\b", source.read_text())]
        assert found == [], source


def test_pipelines_import_no_other_pipeline(project_path):
    folder = project_path / "src" / "promo_kedro" / "pipelines"
    for source in folder.glob("*/**/*.py"):
        own = source.relative_to(folder).parts[0]
        for module in _imported_modules(source):
            if module.startswith("promo_kedro.pipelines."):
                assert module.split(".")[2] == own, source


def test_yaml_parameters_carry_one_key_per_pipeline(project_path):
    for folder in (project_path / "conf" / "base").iterdir():
        if folder.is_dir():
            parameters = yaml.safe_load((folder / "parameters.yml").read_text())
            assert list(parameters) == [folder.name]


@pytest.mark.parametrize("page", ["README.md", "docs"])
def test_pages_link_to_what_exists(project_path, page):
    path = project_path / page
    pages = [path] if path.is_file() else sorted(path.rglob("*.md"))
    assert pages
    for source in pages:
        text = source.read_text()
        assert not re.findall(r"\b(?:TODO|TBD|FIXME|[A-Z]+_SIZE)\b", text), source
        for link in re.findall(r"\]\(([^)#]+)", text):
            if "://" not in link:
                assert (source.parent / link).exists(), f"{source}: {link}"


def _imported_modules(source: Path) -> list[str]:
    tree = ast.parse(source.read_text())
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = [n.name for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names]
    return modules + names
