"""What an arm is tested on: the demo's tests, or others spoken for it, in its surroundings; or a user's cuts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssr_connector.data.augment import GENERATED
from ssr_connector.evaluation.tasks import TASKS
from ssr_connector.progress import Report
from ssr_connector.studies import speaking, surroundings
from ssr_connector.studies.cache import Facts, Maker, Step
from ssr_connector.studies.rates import Rates
from ssr_connector.studies.study import Arm, Study
from ssr_connector.tiny.base import Base
from ssr_connector.tiny.demo import Demo
from ssr_connector.tiny.languages.language import part_of

if TYPE_CHECKING:
    from ssr_connector.studies.ears import Material


class Heard:
    """The tests of a study's arms; none of them depends on a training seed."""

    def __init__(self, base: Base, study: Study, maker: Maker, rates: Rates) -> None:
        self.base, self.study, self.maker, self.rates = base, study, maker, rates
        self.versions: dict[str, str] = {}  # of users' cuts

    def content(self, arm: Arm) -> Any:
        """Plain values that it follows from, beside `steps`."""
        around = surroundings.Surroundings(**arm.surroundings)
        noise: Any = around.noise
        if noise not in ("", GENERATED, surroundings.BABBLE):
            noise = surroundings.contents_of(noise)
        content = [{**vars(around), "noise": noise}, self.version(arm.cuts) if arm.cuts else ""]
        return [*content, arm.language] if arm.language else content

    def version(self, cuts: str) -> str:
        """Of a user's manifest or Shar folder: changes with every cut, and with the files of its audio."""
        from ssr_connector.data.cut_shards import content
        from ssr_connector.data.cuts import read_cuts
        from ssr_connector.engine.shard import key_of

        if cuts not in self.versions:
            self.versions[cuts] = key_of([], (content(cut, with_text=True) for cut in read_cuts(cuts)))
        return self.versions[cuts]

    def steps(self, arm: Arm) -> tuple[Step, ...]:
        """What has to be recorded before."""
        base, seed, voices = self.base, self.base.recipe.seed, self.base.stages.keys["voices"]
        around = surroundings.Surroundings(**arm.surroundings)
        steps = []
        if arm.domain:
            assert isinstance(base, Demo), "only the demo's own tests are spoken otherwise"
            demo, domain = base, speaking.Domain(**arm.domain)
            names = [Path(TASKS[name].file).stem for name in self.study.tasks]

            def speak(folder: Path, report: Report) -> Facts:
                return speaking.speak_tests(demo, domain, names, folder, report)

            inputs = [voices, vars(domain), names]
            steps.append(Step("speech", f"speaking: {arm.title}", inputs, (), speak, self.rates.speech(base)))
        if around.noise == surroundings.BABBLE:

            def babble(folder: Path, _: Report) -> Facts:
                return surroundings.make_babble(base.out / "speech" / "dev" / "audio", folder, seed)

            what = "babble of the world's other recordings"
            steps.append(Step("babble", what, [voices, seed], (), babble, 3.0))
        if around.decay_s:

            def rooms(folder: Path, _: Report) -> Facts:
                return surroundings.make_rooms(around.decay_s, folder, seed)

            what = f"rooms that decay in {around.decay_s:g} s"
            steps.append(Step("rooms", what, [around.decay_s, seed], (), rooms, 1.0))
        return tuple(steps)

    def material(self, arm: Arm) -> "Material":
        """The recordings, once its steps are taken."""
        from ssr_connector.studies.ears import Material

        made = {step.stage: self.maker.folder(step) for step in self.steps(arm)}
        around = surroundings.Surroundings(**arm.surroundings)
        change = around.change(made.get("babble"), made.get("rooms")) if arm.surroundings else None
        if arm.cuts:
            return Material(Path(), (), Path(arm.cuts), change, around.speed)
        tests, test = (part_of(r, arm.language) if arm.language else r for r in ("tests", "test"))
        folder, cuts = self.base.out / "speech" / tests, self.base.cuts(test)
        if "speech" in made:
            folder, cuts = made["speech"] / speaking.TESTS, made["speech"] / speaking.CUTS
        return Material(folder, self.study.tasks, cuts, change, around.speed)
