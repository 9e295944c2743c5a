import optuna
import pytest
from kedro.io import DatasetError

from promo_kedro.datasets import StudyDataset


def try_one(storage, value):
    study = optuna.create_study(study_name="s", storage=storage, load_if_exists=True)
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    study.tell(trial, value)
    return study


def test_trials_outlive_the_dataset(tmp_path):
    path = tmp_path / "not yet" / "study.log"
    assert not StudyDataset(str(path)).exists()
    try_one(StudyDataset(str(path)).load(), 0.5)
    assert StudyDataset(str(path)).exists()
    study = try_one(StudyDataset(str(path)).load(), 0.25)
    assert [trial.value for trial in study.trials] == [0.5, 0.25]


@pytest.mark.parametrize("left", [1, 10, 40])
def test_a_line_that_was_half_written_is_given_up_alone(tmp_path, left):
    path = tmp_path / "study.log"
    try_one(StudyDataset(str(path)).load(), 0.5)
    with path.open("a") as journal:
        journal.write('{"op_code":4,"worker_id":"dead","study_id":0,"datetime_start"'[:left])
    for value in (0.25, 0.125):
        try_one(StudyDataset(str(path)).load(), value)
    study = optuna.load_study(study_name="s", storage=StudyDataset(str(path)).load())
    assert [trial.value for trial in study.trials] == [0.5, 0.25, 0.125]


def test_a_study_is_no_output(tmp_path):
    with pytest.raises(DatasetError, match="is an input"):
        StudyDataset(str(tmp_path / "study.log")).save("anything")
