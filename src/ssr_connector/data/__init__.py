"""Recordings and transcripts, from corpus layouts to lhotse cuts.

A corpus layout costs one file, one line here and one test file.
"""

from ssr_connector.data.entry import Corpus
from ssr_connector.data.librispeech import is_librispeech, read_librispeech
from ssr_connector.data.ljspeech import is_ljspeech, read_ljspeech
from ssr_connector.data.table import is_table, read_table

CORPORA: dict[str, Corpus] = {  # in the order in which `auto` asks them
    "table": Corpus(is_table, read_table),
    "ljspeech": Corpus(is_ljspeech, read_ljspeech),
    "librispeech": Corpus(is_librispeech, read_librispeech),
}
