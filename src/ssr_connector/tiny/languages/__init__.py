"""The same small tales in several languages, and base models that know all of these."""

from ssr_connector.tiny.languages.english import ENGLISH
from ssr_connector.tiny.languages.german import GERMAN
from ssr_connector.tiny.languages.language import Language
from ssr_connector.tiny.languages.russian import RUSSIAN
from ssr_connector.tiny.languages.spanish import SPANISH

LANGUAGES: dict[str, Language] = {language.code: language for language in (ENGLISH, GERMAN, SPANISH, RUSSIAN)}
