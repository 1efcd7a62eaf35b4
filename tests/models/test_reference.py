import pytest

from harness.models.reference import ReferenceModel
from harness.types.errors import HarnessError
from harness.types.records import Records, Request, Sample
from harness.types.settings import GenerationConfig


class Told:
    name = "told"
    version = "1"
    estimands = ()

    def __init__(self, *targets):
        self.targets = targets

    def records(self):
        return Records("starter", [{}])

    def samples(self, records):
        for number, target in enumerate(self.targets):
            yield Sample(f"s{number}", "?", target=target)


def answers(model, *requests):
    return [g for some in model.generate(requests, GenerationConfig(), 0) for g in some]


def test_each_sample_gets_its_own_reference_once():
    model = ReferenceModel(Told("one", None, "three"))
    found = answers(model, Request("s2", "?", (0, 1)), Request("s0", "?"), Request("s1", "?"))
    assert [g.text for g in found] == ["three", None, "one", None]
    assert [g.error for g in found] == [
        None, "there is one reference", None, "the sample has no reference",
    ]  # fmt: skip


def test_data_without_references_is_refused():
    with pytest.raises(HarnessError, match="holds no reference answers"):
        answers(ReferenceModel(Told(None)), Request("s0", "?"))


def test_a_run_scores_what_people_wrote(harness, tmp_path):
    (tmp_path / "chat.csv").write_text(
        "questionID,questionText,answerText,upvotes,topic\n"
        "7,I am sad.,Please talk to your doctor about it.,1,grief\n8,Why?,Because.,1,grief\n"
    )
    done = harness(
        "task=counseling_support", "task.data=chat.csv", "backend=reference", "scorer=[guidance]",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "model reference" in done.stdout
    (row,) = (line for line in done.stdout.splitlines() if "refers to help (share >= 1)" in line)
    assert "0.500" in row
