"""Recordings and transcripts, from corpus layouts to lhotse cuts.

A corpus layout costs one file, one line here and one test file.
"""

from ssr_connector.data.ami import is_ami, read_ami
from ssr_connector.data.common_voice import is_common_voice, read_common_voice
from ssr_connector.data.entry import Corpus
from ssr_connector.data.gigaspeech import is_gigaspeech, read_gigaspeech
from ssr_connector.data.hugging_face import is_hugging_face, read_hugging_face
from ssr_connector.data.l2_arctic import is_l2_arctic, read_l2_arctic
from ssr_connector.data.librispeech import is_librispeech, librispeech_parts, read_librispeech
from ssr_connector.data.ljspeech import is_ljspeech, read_ljspeech
from ssr_connector.data.mls import is_mls, read_mls
from ssr_connector.data.switchboard import is_switchboard, read_switchboard
from ssr_connector.data.table import is_table, read_table
from ssr_connector.data.timit import is_timit, read_timit, timit_parts
from ssr_connector.data.vctk import is_vctk, read_vctk

CORPORA: dict[str, Corpus] = {  # in the order in which `auto` asks them
    "table": Corpus(is_table, read_table),
    "ljspeech": Corpus(is_ljspeech, read_ljspeech),
    "mls": Corpus(is_mls, read_mls, has_subsets=True),
    "commonvoice": Corpus(is_common_voice, read_common_voice, has_subsets=True),
    "gigaspeech": Corpus(is_gigaspeech, read_gigaspeech, has_subsets=True),
    "huggingface": Corpus(is_hugging_face, read_hugging_face, has_subsets=True, writes_audio=True),
    "vctk": Corpus(is_vctk, read_vctk, has_subsets=True),
    "l2arctic": Corpus(is_l2_arctic, read_l2_arctic),
    "ami": Corpus(is_ami, read_ami, has_subsets=True),
    # These are looked for at any depth.
    "librispeech": Corpus(is_librispeech, read_librispeech, librispeech_parts),
    "timit": Corpus(is_timit, read_timit, timit_parts),
    "switchboard": Corpus(is_switchboard, read_switchboard),
}
