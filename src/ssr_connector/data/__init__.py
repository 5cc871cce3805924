"""Recordings and transcripts, from corpus layouts to lhotse cuts.

A corpus layout costs one file, one line here and one test file.
"""

from ssr_connector.data.common_voice import is_common_voice, read_common_voice
from ssr_connector.data.entry import Corpus
from ssr_connector.data.librispeech import is_librispeech, read_librispeech
from ssr_connector.data.ljspeech import is_ljspeech, read_ljspeech
from ssr_connector.data.mls import is_mls, read_mls
from ssr_connector.data.table import is_table, read_table
from ssr_connector.data.timit import is_timit, read_timit

CORPORA: dict[str, Corpus] = {  # in the order in which `auto` asks them
    "table": Corpus(is_table, read_table),
    "ljspeech": Corpus(is_ljspeech, read_ljspeech),
    "mls": Corpus(is_mls, read_mls, has_subsets=True),
    "commonvoice": Corpus(is_common_voice, read_common_voice, has_subsets=True),
    # These are looked for at any depth.
    "timit": Corpus(is_timit, read_timit),
    "librispeech": Corpus(is_librispeech, read_librispeech),
}
