"""Words that the tiny world does not know, each to stand in the place of one that it does."""

import re
from dataclasses import replace

from ssr_connector.tiny.lexicon import PEOPLE, words
from ssr_connector.tiny.tasks import ChoiceItem

WOMEN = words(
    "Amelia Beatrice Cynthia Deborah Elsie Freda Gloria Hannah Ingrid Jenny Katie Linda "
    "Martha Nadia Ophelia Penny Rita Sylvia Trudy Ursula Violet Winnie Yvonne Zelda"
)
MEN = words(
    "Alan Barney Cedric Derek Elliot Felix Gordon Harold Ivan Jasper Kenneth Leonard "
    "Morris Neville Owen Philip Quentin Ronald Stanley Toby Vernon Wallace Milton Gilbert"
)
# Only things that the stories never name themselves, and that are no verbs; all take "a".
THINGS = dict(
    pair.split("/")
    for pair in words(
        "ball/bracelet balloon/rocket basket/hammock bell/gong blanket/cushion bottle/flask bowl/saucer bucket/barrow "
        "candle/crayon carpet/sponge clock/compass cup/goblet doll/puppet drum/tambourine hammer/chisel jug/ladle "
        "kettle/grater knife/dagger ladder/hinge lamp/torchlight lantern/beacon magnet/lever mug/thimble needle/hook "
        "notebook/diary pan/sieve pencil/marker pillow/mattress plate/tablet puzzle/riddle rope/cable spoon/funnel "
        "statue/banner stool/bench table/dresser teapot/decanter towel/napkin toy/skateboard tray/locket "
        "vase/helmet wallet/handbag wheel/cannon"
    )
)
UNSEEN = dict(zip((p.name for p in PEOPLE), (*WOMEN, *MEN), strict=True)) | THINGS
_KNOWN = re.compile(rf"\b({'|'.join(UNSEEN)})\b")


def renamed(text: str) -> str:
    """The text with unknown people and things in it; different ones stay different."""
    return _KNOWN.sub(lambda found: UNSEEN[found[0]], text)


def renamed_item(item: ChoiceItem) -> ChoiceItem:
    """The same question about unknown people and things."""
    choices = tuple(map(renamed, item.choices))
    return replace(item, context=renamed(item.context), choices=choices, spoken=renamed(item.spoken))
