from ssr_connector.evaluation.benchmarks import BENCHMARKS
from ssr_connector.evaluation.benchmarks.layout import in_sequence
from ssr_connector.evaluation.labels import TASKS as LABELS
from ssr_connector.evaluation.tasks import TASKS


def test_numbers_inside_names_are_ordered_as_numbers():
    assert sorted(["10-V1", "2-V2", "2-V1", "x/10", "x/9"], key=in_sequence) == ["x/9", "x/10", "2-V1", "2-V2", "10-V1"]


def test_every_benchmark_is_of_known_tasks_with_files_of_its_own():
    owners = {}
    for name, benchmark in BENCHMARKS.items():
        for task in benchmark.tasks:
            assert task in LABELS
            assert owners.setdefault(TASKS[task].file, name) == name
