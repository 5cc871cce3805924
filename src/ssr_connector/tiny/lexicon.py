"""The words of the tiny world, with the forms that English needs of them."""

from collections.abc import Iterable
from dataclasses import dataclass

VOWELS = "aeiou"


@dataclass(frozen=True)
class Person:
    """Somebody with a name and pronouns."""

    name: str
    female: bool

    def __str__(self) -> str:
        return self.name

    @property
    def he(self) -> str:
        """Subject pronoun."""
        return "she" if self.female else "he"

    @property
    def He(self) -> str:  # noqa: N802 - named as it is written
        """Subject pronoun at the start of a sentence."""
        return self.he.capitalize()

    @property
    def him(self) -> str:
        """Object pronoun."""
        return "her" if self.female else "him"

    @property
    def his(self) -> str:
        """Possessive pronoun."""
        return "her" if self.female else "his"

    @property
    def himself(self) -> str:
        """Reflexive pronoun."""
        return "herself" if self.female else "himself"


@dataclass(frozen=True)
class Noun:
    """A countable noun."""

    word: str
    plural: str

    def __str__(self) -> str:
        return self.word

    @property
    def a(self) -> str:
        """With its indefinite article."""
        return with_article(self.word)


@dataclass(frozen=True)
class Verb:
    """The four forms that the grammar needs."""

    base: str
    third: str
    past: str
    participle: str


def words(listed: str) -> tuple[str, ...]:
    """Words listed with blanks between them."""
    return tuple(listed.split())


def with_article(noun: str) -> str:
    """A noun, perhaps with adjectives, after "a" or "an"."""
    return f"{'an' if noun[0] in VOWELS else 'a'} {noun}"


def _pluralise(word: str) -> str:
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2] not in VOWELS:
        return word[:-1] + "ies"
    return word + "s"


def _nouns(listed: str) -> tuple[Noun, ...]:
    """Nouns; "singular/plural" where the plural is irregular."""
    pairs = (word.partition("/") for word in words(listed))
    return tuple(Noun(singular, plural or _pluralise(singular)) for singular, _, plural in pairs)


def _past(base: str) -> str:
    if base.endswith("e"):
        return base + "d"
    if base.endswith("y") and base[-2] not in VOWELS:
        return base[:-1] + "ied"
    return base + "ed"


def _verbs(listed: str) -> tuple[Verb, ...]:
    """Verbs; "base/past/participle" where they are irregular."""
    return tuple(_verb(word.split("/")) for word in words(listed))


def _verb(forms: list[str]) -> Verb:
    base = forms[0]
    past, participle = forms[1:] if len(forms) == 3 else (_past(base), _past(base))
    return Verb(base, _pluralise(base), past, participle)


def _people(names: str, *, female: bool) -> Iterable[Person]:
    return (Person(name, female) for name in words(names))


PEOPLE = (
    *_people("Anna Bella Clara Daisy Emma Fiona Grace Helen Irene Julia Karen Laura", female=True),
    *_people("Lucy Maria Molly Nora Olivia Paula Rosa Sarah Tina Vera Wendy Zoe", female=True),
    *_people("Adam Albert Brian Carlos David Dennis Edward Frank George Henry Hugo Isaac", female=False),
    *_people("Jacob Kevin Leo Martin Nathan Oscar Peter Robert Simon Thomas Victor Walter", female=False),
)
THINGS = _nouns(
    "ball balloon basket bell blanket book bottle bowl brush bucket button candle carpet chair clock comb cup doll "
    "drum fan flag flute fork hammer jug kettle key kite knife/knives ladder lamp lantern letter magnet map mirror mug "
    "needle notebook paintbrush pan paper pen pencil picture pillow pipe plate puzzle ribbon ring rope ruler saw "
    "shell shovel spoon stamp statue stool table teapot ticket torch towel toy tray trumpet umbrella vase violin "
    "wallet whistle wheel"
)
CONTAINERS = _nouns("bag barrel box cabinet case chest closet crate cupboard drawer jar oven pocket sack shed suitcase")
PLACES = _nouns(
    "airport bakery bank barn beach bridge cafe castle cave church city/cities cottage desert factory farm field "
    "forest garden harbour hill hotel hospital island kitchen lake library market meadow mill museum office palace "
    "park pond river school shop stable station theatre tower valley village yard"
)
ANIMALS = _nouns(
    "bear bee camel cat cow crab deer/deer dog donkey duck eagle fox frog goat goose/geese hamster horse lamb lion "
    "monkey mouse/mice owl parrot penguin pig pony rabbit sheep/sheep snake spider squirrel swan "
    "tiger turtle whale wolf/wolves"
)
FOODS = _nouns(
    "apple banana bean berry carrot cherry egg grape lemon mushroom nut olive onion orange peach pea pear pepper plum "
    "potato/potatoes pumpkin tomato/tomatoes turnip walnut"
)
SWEETS = _nouns("biscuit cake pancake pie pizza pudding sandwich waffle")
CLOTHES = _nouns(
    "apron belt boot cap cloak coat dress glove hat jacket mask sandal scarf/scarves shirt shoe skirt sock sweater"
)
VEHICLES = _nouns("bicycle boat bus car carriage ferry ship taxi train tram truck wagon")
INSTRUMENTS = _nouns("banjo cello flute guitar harp organ piano trumpet violin")
FOLK = _nouns(
    "aunt baby boy brother captain child/children cousin daughter father friend girl guest king lady man/men mother "
    "neighbour pilot pirate prince queen sailor sister soldier son stranger student teacher uncle visitor "
    "woman/women writer"
)
COLOURS = words("black blue brown gold green grey orange pink purple red silver white yellow")
DAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = words("January February March April May June July August September October November December")
ADJECTIVES = words(
    "angry big brave bright broken careful cheap clean clever cold dirty empty famous fast funny gentle happy heavy "
    "honest hungry kind lazy little lonely loud lovely lucky new noisy old pretty proud quiet rich round sad sharp "
    "shy silly simple sleepy small smooth soft special strange strong tall tired tiny warm wet wild wise wooden young"
)
ADVERBS = words("again always finally gladly often quickly quietly slowly sometimes soon suddenly never")

# Verbs that cannot do without an object, verbs that can have one, and verbs that cannot.
OBJECT_NEEDED = _verbs(
    "admire bring/brought/brought build/built/built buy/bought/bought carry collect describe enjoy examine fetch "
    "find/found/found fix hold/held/held invite lift lose/lost/lost praise repair touch use"
)
TRANSITIVE = OBJECT_NEEDED + _verbs(
    "answer catch/caught/caught clean follow notice open order paint pull push remember sell/sold/sold visit wash watch"
)
INTRANSITIVE = _verbs(
    "arrive appear cough cry dance disappear fall/fell/fallen giggle hurry laugh listen rest shiver sit/sat/sat "
    "sleep/slept/slept smile sneeze sparkle stumble travel/travelled/travelled tremble vanish wait wander whisper yawn"
)
IRREGULAR = _verbs(
    "break/broke/broken choose/chose/chosen draw/drew/drawn drive/drove/driven eat/ate/eaten forget/forgot/forgotten "
    "give/gave/given hide/hid/hidden know/knew/known ride/rode/ridden see/saw/seen shake/shook/shaken "
    "steal/stole/stolen take/took/taken tear/tore/torn throw/threw/thrown wear/wore/worn write/wrote/written"
)
REFLEXIVE = _verbs(
    "hurt/hurt/hurt blame admire describe help dress introduce prepare protect "
    "teach/taught/taught wash warm comfort surprise"
)
