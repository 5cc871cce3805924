"""Short stories whose ending follows from names, things, places and causes anywhere before it."""

import random
from dataclasses import dataclass
from typing import Protocol

from ssr_connector.tiny import lexicon
from ssr_connector.tiny.facts import TOWNS


class Value(Protocol):
    """Anything that can fill a slot: it is written by ``str`` or by one of its attributes."""

    def __str__(self) -> str: ...


@dataclass(frozen=True)
class Link:
    """A cause and what follows from it."""

    cause: str
    effect: str


@dataclass(frozen=True)
class Story:
    """A context, the ending that follows, and endings of the same schema that do not."""

    schema: str
    sentences: tuple[str, ...]
    ending: str
    wrong_endings: tuple[str, ...]

    @property
    def context(self) -> str:
        """Everything before the ending."""
        return " ".join(self.sentences)

    @property
    def text(self) -> str:
        """The whole story."""
        return f"{self.context} {self.ending}"


@dataclass(frozen=True)
class Schema:
    """A story with slots.

    ``slots`` maps every slot to its pool; no two slots get the same value. ``sentences`` and ``ending`` are ways to say
    the same. ``swaps`` lists what makes an ending wrong: a map from slot to the slot whose value takes its place, or to
    the slot itself for another value of its pool.
    """

    name: str
    sentences: tuple[tuple[str, ...], ...]
    ending: tuple[str, ...]
    slots: dict[str, str]
    swaps: tuple[dict[str, str], ...]


NEEDS = (
    Link("hungry", "ate a big bowl of soup"),
    Link("thirsty", "drank a glass of cold water"),
    Link("tired", "went to sleep in a soft bed"),
    Link("cold", "sat down beside the warm fire"),
    Link("dirty", "took a long bath with soap"),
    Link("ill", "called the doctor for some medicine"),
    Link("bored", "read an exciting book about pirates"),
    Link("lonely", "phoned an old friend to talk"),
    Link("too hot", "went swimming in the cool water"),
    Link("sad", "cried a little into a handkerchief"),
    Link("lost", "asked a policeman to show the way"),
    Link("afraid", "ran back home to lock the door"),
)
WEATHER = (
    Link("raining", "an umbrella"),
    Link("snowing", "a sledge"),
    Link("sunny", "a straw hat"),
    Link("windy", "a kite"),
    Link("dark", "a lantern"),
    Link("icy", "a pair of skates"),
    Link("muddy", "rubber boots"),
    Link("freezing", "a thick coat"),
)
JOBS = (
    Link("baker", "bake fresh bread"),
    Link("barber", "cut long hair"),
    Link("carpenter", "build wooden tables"),
    Link("dentist", "check sore teeth"),
    Link("doctor", "treat sick people"),
    Link("farmer", "milk the cows"),
    Link("fisherman", "mend the nets"),
    Link("gardener", "plant the roses"),
    Link("mechanic", "repair an engine"),
    Link("nurse", "bandage a wound"),
    Link("painter", "mix the colours"),
    Link("postman", "deliver the letters"),
    Link("tailor", "sew a fine suit"),
    Link("waiter", "serve hot coffee"),
)
POOLS: dict[str, tuple[Value, ...]] = {
    "person": lexicon.PEOPLE,
    "thing": lexicon.THINGS,
    "container": lexicon.CONTAINERS,
    "place": lexicon.PLACES,
    "animal": lexicon.ANIMALS,
    "food": lexicon.FOODS,
    "sweet": lexicon.SWEETS + lexicon.FOODS,
    "clothing": lexicon.CLOTHES,
    "vehicle": lexicon.VEHICLES,
    "instrument": lexicon.INSTRUMENTS,
    "folk": lexicon.FOLK,
    "colour": lexicon.COLOURS,
    "day": lexicon.DAYS,
    "town": TOWNS,
    "need": NEEDS,
    "weather": WEATHER,
    "job": JOBS,
}

SCHEMAS = (
    Schema(
        "hiding",
        (
            ("{p} hid {x.a} in the {c}.", "{p} put {x.a} into the {c}."),
            ("{q} looked for the {x} in the {d}.", "{q} opened the {d} and saw no {x}."),
            ("Then {p} told {q} the secret of the {x}.", "{p} laughed and helped {q} find the {x}."),
        ),
        ("{q} found the {x} in the {c}.", "{q} took the {x} from the {c}."),
        {"p": "person", "q": "person", "x": "thing", "c": "container", "d": "container"},
        ({"c": "d"}, {"c": "c"}, {"x": "x"}),
    ),
    Schema(
        "money",
        (
            ("{p} and {q} went to the {l}.", "{p} met {q} at the {l}."),
            ("{q} looked at {y.a}.", "{q} dreamed of {y.a}."),
            ("{p} had enough money for {x.a}.", "{p} was able to pay for {x.a}."),
        ),
        ("{p} went home with {x.a}.", "{p} carried home {x.a}."),
        {"p": "person", "q": "person", "x": "thing", "y": "thing", "l": "place"},
        ({"x": "y"}, {"x": "x"}, {"p": "q"}),
    ),
    Schema(
        "birthday",
        (
            (
                "{p} went to the birthday party of {q} at the {l}.",
                "It was the birthday of {q}, and {p} came to the {l}.",
            ),
            ("{p} knew that {q} liked {n.plural}.", "Everybody told {p} that {q} loved {n.plural}."),
        ),
        ("{p} gave {q} a picture of {n.a}.", "{p} painted {n.a} for {q}."),
        {"p": "person", "q": "person", "n": "animal", "l": "place"},
        ({"n": "n"}, {"p": "q", "q": "p"}),
    ),
    Schema(
        "owner",
        (
            ("{p} lost {x.a} at the {l}.", "{p} forgot {x.a} at the {l}."),
            ("{q} lost {y.a} at the {m}.", "{q} forgot {y.a} at the {m}."),
            ("Later the {f} found the {x}.", "In the evening the {f} picked up the {x}."),
        ),
        ("The {f} gave the {x} back to {p}.", "The {f} brought the {x} back to {p}."),
        {"p": "person", "q": "person", "x": "thing", "y": "thing", "l": "place", "m": "place", "f": "folk"},
        ({"p": "q"}, {"p": "p"}),
    ),
    Schema(
        "need",
        (
            ("{p} walked to the {l} with {q}.", "{p} and {q} spent the day at the {l}."),
            ("After some hours at the {l}, {p} was {n.cause}.", "On the way from the {l}, {p} felt {n.cause}."),
        ),
        ("So {p} left {q} and {n.effect}.", "{p} waved to {q} and {n.effect}."),
        {"p": "person", "q": "person", "l": "place", "n": "need"},
        ({"n": "n"},),
    ),
    Schema(
        "weather",
        (
            ("{p} wanted to walk from the {l} to the {m}.", "{p} had to go from the {l} to the {m}."),
            ("{q} told {p} that outside the {l} it was {w.cause}.", "{p} saw from the {l} that it was {w.cause}."),
        ),
        ("{p} went to the {m} with {w.effect}.", "{p} took {w.effect} to the {m}."),
        {"p": "person", "q": "person", "l": "place", "m": "place", "w": "weather"},
        ({"w": "w"}, {"m": "l"}),
    ),
    Schema(
        "work",
        (
            ("{p} works as a {j.cause} near the {l}.", "{p} is the best {j.cause} at the {l}."),
            ("{q} works as a {k.cause} near the {m}.", "{q} is a young {k.cause} from the {m}."),
            ("One {t} the {f} needed the help of {p}.", "Last {t} {p} got a visit from the {f}."),
        ),
        ("{p} showed the {f} how to {j.effect}.", "{p} taught the {f} to {j.effect}."),
        {"p": "person", "q": "person", "j": "job", "k": "job", "l": "place", "m": "place", "f": "folk", "t": "day"},
        ({"j": "k"}, {"j": "j"}),
    ),
    Schema(
        "runaway",
        (
            ("{p} has {n.a} and {q} has {o.a}.", "{p} bought {n.a}, and {q} bought {o.a}."),
            ("On {t} the {n} ran away to the {l}.", "{r} heard the {n} near the {l}."),
        ),
        ("{p} went to the {l} to fetch the {n}.", "{p} ran to the {l} and called the {n}."),
        {"p": "person", "q": "person", "r": "person", "n": "animal", "o": "animal", "l": "place", "t": "day"},
        ({"p": "q"}, {"n": "o"}, {"l": "l"}),
    ),
    Schema(
        "race",
        (
            ("{p}, {q} and {r} ran a race to the {l}.", "{q}, {p} and {r} raced to the {l}."),
            ("{q} fell over {x.a}.", "{q} stumbled over {x.a} on the road."),
            ("{p} was faster than {r}.", "{p} easily ran past {r}."),
        ),
        ("{p} was the first at the {l}.", "{p} won the race to the {l}."),
        {"p": "person", "q": "person", "r": "person", "x": "thing", "l": "place"},
        ({"p": "q"}, {"p": "r"}, {"l": "l"}),
    ),
    Schema(
        "paint",
        (
            ("{p} painted the {x} {u}.", "{p} gave the {x} a {u} colour."),
            ("{q} painted the {y} {v}.", "{q} gave the {y} a {v} colour."),
            ("The next {t}, {r} bought the {x}.", "On {t} {r} asked for the {x}."),
        ),
        ("{r} liked the {u} paint of {p}.", "{r} was glad that {p} had used {u} paint."),
        {
            "p": "person",
            "q": "person",
            "r": "person",
            "x": "thing",
            "y": "thing",
            "u": "colour",
            "v": "colour",
            "t": "day",
        },
        ({"u": "v", "p": "q"}, {"u": "v"}, {"u": "u"}),
    ),
    Schema(
        "journey",
        (
            ("{p} wanted to visit {q} in {w}.", "{p} planned a journey to {q} in {w}."),
            ("{q} wrote that the {b} to {w} was broken.", "{p} missed the {b} to {w}."),
            ("So {p} got a ticket to {w} for the {c}.", "{q} told {p} to take the {c}."),
        ),
        ("{p} came to {w} by {c}.", "{p} travelled to {w} by {c}."),
        {"p": "person", "q": "person", "w": "town", "b": "vehicle", "c": "vehicle"},
        ({"c": "b"}, {"c": "c"}, {"w": "w"}),
    ),
    Schema(
        "soup",
        (
            ("{p} had some {x.plural} and {y.plural}.", "{p} brought {x.plural} and {y.plural} home."),
            ("{q} was coming from the {l} for dinner.", "{q} was a hungry guest from the {l}."),
            ("{q} told {p} not to cook {y.plural}.", "{p} knew that {q} hates {y.plural}."),
        ),
        ("{p} cooked soup from the {x.plural} for {q}.", "{p} served {q} only the {x.plural}."),
        {"p": "person", "q": "person", "x": "food", "y": "food", "l": "place"},
        ({"x": "y"}, {"x": "x"}, {"p": "q", "q": "p"}),
    ),
    Schema(
        "trade",
        (
            ("{p} had {x.a} and {q} had {y.a}.", "{p} owned {x.a} and {q} owned {y.a}."),
            ("{p} met {q} at the {l} on {t}.", "On {t} {q} came to the {l} with {p}."),
            ("{p} wanted to trade with {q}.", "{q} was happy to trade with {p}."),
        ),
        ("{p} left the {l} with the {y}.", "{p} took the {y} home from the {l}."),
        {"p": "person", "q": "person", "x": "thing", "y": "thing", "l": "place", "t": "day"},
        ({"y": "x"}, {"y": "y"}, {"l": "l"}),
    ),
    Schema(
        "sorry",
        (
            ("{p} broke the {x} of {q}.", "{p} lost the {x} of {q}."),
            ("{q} was angry, and {p} was sorry about the {x}.", "{p} said sorry to {q} at the {l}."),
            ("The next {t} {p} went to the {l}.", "{p} saved money and on {t} went to the {l}."),
        ),
        ("{p} bought a new {x} for {q}.", "{p} gave {q} a new {x}."),
        {"p": "person", "q": "person", "x": "thing", "l": "place", "t": "day"},
        ({"x": "x"}, {"p": "q", "q": "p"}),
    ),
    Schema(
        "music",
        (
            ("{p} plays the {i} on {t} and {q} plays on {s}.", "On {t} {p} practises the {i}, and {q} does on {s}."),
            ("The {f} visits the {l} on {t}.", "The {f} will come to the {l} next {t}."),
        ),
        ("The {f} hears {p} play the {i}.", "The {f} listens to {p} and the {i}."),
        {"p": "person", "q": "person", "i": "instrument", "t": "day", "s": "day", "f": "folk", "l": "place"},
        ({"p": "q"}, {"p": "p"}, {"i": "i"}),
    ),
    Schema(
        "too big",
        (
            ("{p} wanted to put the {x} into the {c}.", "{p} tried to push the {x} into the {c}."),
            ("{q} saw that the {x} was too big for the {c}.", "{q} told {p} that the {x} was too big."),
        ),
        ("{p} went to get a smaller {x} for the {c}.", "{p} asked {q} for a smaller {x}."),
        {"p": "person", "q": "person", "x": "thing", "c": "container"},
        ({"x": "c", "c": "x"}, {"x": "x"}),
    ),
    Schema(
        "too small",
        (
            ("{p} wanted to put the {x} into the {c}.", "{p} tried to push the {x} into the {c}."),
            ("{q} saw that the {c} was too small for the {x}.", "{q} told {p} that the {c} was too small."),
        ),
        ("{p} went to get a bigger {c} for the {x}.", "{p} asked {q} for a bigger {c}."),
        {"p": "person", "q": "person", "x": "thing", "c": "container"},
        ({"c": "x", "x": "c"}, {"c": "c"}),
    ),
    Schema(
        "post",
        (
            ("{p} wrote a letter to the {f} on {t}.", "{p} sent {x.a} to the {f}."),
            ("The {f} lives in {w}, and {q} lives in {v}.", "{q} moved to {v}, but the {f} stayed in {w}."),
            ("{q} carried it to the station for {p}.", "{p} gave it to the postman at the {l}."),
        ),
        ("The post of {p} went to the {f} in {w}.", "It came from {p} to {w} on {t}."),
        {"p": "person", "q": "person", "f": "folk", "x": "thing", "w": "town", "v": "town", "l": "place", "t": "day"},
        ({"w": "v"}, {"w": "w"}),
    ),
    Schema(
        "clothes",
        (
            ("{p} wore a {u} {x} to the {l}.", "{p} came to the {l} in a {u} {x}."),
            ("{q} wore a {v} {y}.", "{q} came in a {v} {y}."),
            ("The {f} at the {l} admired the {x}.", "The {f} asked {q} about the {x}."),
        ),
        ("{p} was proud of the {u} {x}.", "{p} thanked the {f} for praising the {u} {x}."),
        {
            "p": "person",
            "q": "person",
            "x": "clothing",
            "y": "clothing",
            "u": "colour",
            "v": "colour",
            "f": "folk",
            "l": "place",
        },
        ({"p": "q"}, {"u": "v"}, {"x": "y", "u": "v"}),
    ),
    Schema(
        "lunch",
        (
            ("{p} and {q} had lunch at the {l}.", "At the {l} {p} ate lunch with {q}."),
            ("{p} asked for {x.a} and {q} asked for {y.a}.", "{p} wanted {x.a}, but {q} wanted {y.a}."),
            ("At the {l} the waiter forgot to serve {q}.", "The waiter at the {l} did not hear {q}."),
        ),
        ("{q} waited a long time for the {y}.", "{q} went away without the {y}."),
        {"p": "person", "q": "person", "x": "sweet", "y": "sweet", "l": "place"},
        ({"y": "x"}, {"q": "p"}, {"y": "y"}),
    ),
)


def _other(pool: str, taken: list[Value], rng: random.Random) -> Value:
    while True:
        value = rng.choice(POOLS[pool])
        if value not in taken:
            return value


def _fill(schema: Schema, rng: random.Random) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for slot, pool in schema.slots.items():
        values[slot] = _other(pool, list(values.values()), rng)
    return values


def tell(schema: Schema, rng: random.Random) -> Story:
    """A story of this schema."""
    values = _fill(schema, rng)
    ending = rng.choice(schema.ending)
    wrong = []
    for swap in schema.swaps:
        changed = dict(values)
        for slot, source in swap.items():
            changed[slot] = _other(schema.slots[slot], list(values.values()), rng) if source == slot else values[source]
        wrong.append(ending.format(**changed))
    sentences = tuple(rng.choice(ways).format(**values) for ways in schema.sentences)
    right = ending.format(**values)
    return Story(schema.name, sentences, right, tuple(w for w in dict.fromkeys(wrong) if w != right))


def tell_any(rng: random.Random) -> Story:
    """A story of a random schema."""
    return tell(rng.choice(SCHEMAS), rng)
