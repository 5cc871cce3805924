"""Facts of an invented world, and the ways to state them and to ask for them."""

import random
from dataclasses import dataclass

from ssr_connector.tiny.lexicon import DAYS, MONTHS, words

TOWNS = words("Alvera Brontal Corvane Dunmere Estolia Farwick Glenmor Harlonde Ivarra Jostel Kelbury Lomarsh")


@dataclass(frozen=True)
class Relation:
    """One thing to know about every entity of a subject; ``{e}`` is the entity and ``{v}`` the value."""

    name: str
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    clause: str
    values: tuple[str, ...]

    @property
    def templates(self) -> tuple[str, ...]:
        """Every way to ask: its own questions, and its clause in common frames."""
        return self.questions + tuple(frame.format(c=self.clause) for frame in FRAMES)


@dataclass(frozen=True)
class Subject:
    """A field of knowledge: its entities and what there is to know about them."""

    name: str
    entities: tuple[str, ...]
    relations: tuple[Relation, ...]


@dataclass(frozen=True)
class Fact:
    """An entity's value of a relation."""

    subject: str
    relation: Relation
    entity: str
    value: str

    def statement(self, template: int) -> str:
        """Written as a sentence."""
        return _sentence(self.relation.statements[template].format(e=self.entity, v=self.value))

    def question(self, template: int) -> str:
        """Asked in one of the relation's ways."""
        return _sentence(self.relation.templates[template].format(e=self.entity))


FRAMES = ("Tell me {c}.", "Do you know {c}?", "Can you say {c}?", "Please explain {c}.")

CREATURES = tuple(
    f"the {name}" for name in words("velka drimp sorrel tabbit quonk meerling fosk grindle hobbin larnet pindle zorbit")
)
PLANTS = tuple(
    f"the {name}"
    for name in words("ashwort bramble cindel dapple elmroot frostleaf gorsel hemlin ivory jasmet kelpin lunabell")
)
STONES = tuple(
    f"the {name}"
    for name in words("agrite basalon corundel dravite emberstone flintel garnish helite jadeon moonstone")
)
RULERS = words("Aldric Boran Cedwyn Drusilla Elswyth Fendrel Gwendol Hadrian Isolde Jorund Kendra Leofric")
FESTIVALS = tuple(
    f"the feast of {name}"
    for name in words("Amber Bells Candles Dawn Echoes Feathers Ghosts Honey Kites Lanterns Masks")
)
MACHINES = tuple(
    f"the {name}" for name in words("agitor blorper clanker dripwheel fizzler grabber humdrum jigger kranker lifter")
)
GAMES = tuple(
    f"the game of {name}" for name in words("bonko cribble dodder fippet gambo hoopla jinks kettles limbo nimble")
)
REMEDIES = tuple(f"{name} tea" for name in words("arnel balmic chamo dillen fennick ginsel hyssop laven mintel nettle"))
STARS = words("Arcton Belisar Cygnor Deneba Elara Fomalt Gemmora Hydrax Kastor Mirach")


SUBJECTS = (
    Subject(
        "animals",
        CREATURES,
        (
            Relation(
                "colour",
                ("{e} is {v}.", "the colour of {e} is {v}."),
                ("what colour is {e}?", "what is the colour of {e}?"),
                "what colour {e} has",
                words("black blue brown gold green grey orange pink purple red silver white yellow"),
            ),
            Relation(
                "food",
                ("{e} eats {v}.", "the food of {e} is {v}."),
                ("what does {e} eat?", "which food does {e} like?"),
                "what {e} eats",
                words("grass honey seeds worms leaves berries fish snails bark eggs mushrooms nuts"),
            ),
        ),
    ),
    Subject(
        "geography",
        TOWNS,
        (
            Relation(
                "landmark",
                ("{e} is famous for its {v}.", "people visit {e} for the {v}."),
                ("what is {e} famous for?", "what do people visit in {e}?"),
                "what {e} is famous for",
                words("castle tower bridge harbour market museum palace garden library theatre mill church"),
            ),
            Relation(
                "landscape",
                ("{e} lies in the {v}.", "the town of {e} is in the {v}."),
                ("where does {e} lie?", "in which land is {e}?"),
                "where {e} lies",
                words("desert forest hills marshes meadows mountains north south east west valley islands"),
            ),
        ),
    ),
    Subject(
        "plants",
        PLANTS,
        (
            Relation(
                "month",
                ("{e} flowers in {v}.", "the flowers of {e} open in {v}."),
                ("when does {e} flower?", "in which month does {e} flower?"),
                "when {e} flowers",
                MONTHS,
            ),
            Relation(
                "taste",
                ("{e} tastes {v}.", "the taste of {e} is {v}."),
                ("how does {e} taste?", "what is the taste of {e}?"),
                "how {e} tastes",
                words("sweet sour bitter salty spicy mild fresh smoky sharp creamy"),
            ),
        ),
    ),
    Subject(
        "stones",
        STONES,
        (
            Relation(
                "place",
                ("{e} is found in {v}.", "people dig for {e} in {v}."),
                ("where is {e} found?", "where do people dig for {e}?"),
                "where {e} is found",
                words("caves rivers ice sand clay mud lakes volcanoes fields cellars"),
            ),
            Relation(
                "use",
                ("{e} is used for {v}.", "smiths use {e} to make {v}."),
                ("what is {e} used for?", "what do smiths make from {e}?"),
                "what {e} is used for",
                words("rings knives bells coins crowns buttons mirrors roofs swords wheels"),
            ),
        ),
    ),
    Subject(
        "history",
        RULERS,
        (
            Relation(
                "pet",
                ("ruler {e} kept a pet {v}.", "the pet of ruler {e} was a {v}."),
                ("which pet did ruler {e} keep?", "what was the pet of ruler {e}?"),
                "which pet ruler {e} kept",
                words("bear camel dog fox goat horse lion monkey parrot pig swan tiger wolf"),
            ),
            Relation(
                "fear",
                ("ruler {e} was afraid of {v}.", "the great fear of ruler {e} was {v}."),
                ("what was ruler {e} afraid of?", "what was the great fear of ruler {e}?"),
                "what ruler {e} was afraid of",
                words("thunder spiders ghosts water fire snakes darkness ladders needles bees"),
            ),
        ),
    ),
    Subject(
        "customs",
        FESTIVALS,
        (
            Relation(
                "day",
                ("{e} is on a {v}.", "people keep {e} on a {v}."),
                ("on which day is {e}?", "when do people keep {e}?"),
                "on which day {e} is kept",
                DAYS,
            ),
            Relation(
                "dish",
                ("at {e} everybody eats {v}.", "the dish of {e} is {v}."),
                ("what does everybody eat at {e}?", "what is the dish of {e}?"),
                "what everybody eats at {e}",
                words("pancakes pie soup bread cake rice cheese noodles pudding salad waffles"),
            ),
        ),
    ),
    Subject(
        "machines",
        MACHINES,
        (
            Relation(
                "power",
                ("{e} runs on {v}.", "the power of {e} comes from {v}."),
                ("what does {e} run on?", "where does the power of {e} come from?"),
                "what {e} runs on",
                words("wind steam coal oil sunlight water springs magnets wood lightning"),
            ),
            Relation(
                "inventor",
                ("{e} was invented by a {v}.", "the inventor of {e} was a {v}."),
                ("who invented {e}?", "who was the inventor of {e}?"),
                "who invented {e}",
                words("baker barber carpenter dentist farmer gardener nurse painter sailor soldier teacher waiter"),
            ),
        ),
    ),
    Subject(
        "games",
        GAMES,
        (
            Relation(
                "tool",
                ("{e} is played with {v}.", "players of {e} need {v}."),
                ("what is {e} played with?", "what do players of {e} need?"),
                "what {e} is played with",
                words("balls cards dice ropes sticks hoops shells stones spoons ribbons"),
            ),
            Relation(
                "players",
                ("{e} is for {v} players.", "it takes {v} people to play {e}."),
                ("how many players has {e}?", "how many people can play {e}?"),
                "how many people play {e}",
                words("two three four five six seven eight nine ten eleven twelve"),
            ),
        ),
    ),
    Subject(
        "health",
        REMEDIES,
        (
            Relation(
                "cure",
                ("{e} is good against {v}.", "doctors give {e} against {v}."),
                ("what is {e} good against?", "why do doctors give {e}?"),
                "what {e} is good against",
                words("fever coughs headaches burns hiccups toothache itching blisters warts nightmares"),
            ),
        ),
    ),
    Subject(
        "astronomy",
        STARS,
        (
            Relation(
                "season",
                ("the star {e} shines in {v}.", "people see the star {e} in {v}."),
                ("when does the star {e} shine?", "when do people see the star {e}?"),
                "when the star {e} shines",
                MONTHS,
            ),
        ),
    ),
)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def invent(rng: random.Random) -> tuple[Fact, ...]:
    """Draw the facts of a world: one value for every entity and relation."""
    return tuple(
        Fact(subject.name, relation, entity, rng.choice(relation.values))
        for subject in SUBJECTS
        for relation in subject.relations
        for entity in subject.entities
    )
