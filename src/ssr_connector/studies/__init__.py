"""Studies: one question each, answered with data, a table, a picture and a paragraph (`ssr study`)."""

from ssr_connector.studies.aligners import ALIGNERS
from ssr_connector.studies.alignment_quality import ALIGNMENT_QUALITY
from ssr_connector.studies.beyond import BEYOND
from ssr_connector.studies.compression import COMPRESSION
from ssr_connector.studies.connectors import CONNECTORS
from ssr_connector.studies.distillation import DISTILLATION
from ssr_connector.studies.domains import DOMAINS
from ssr_connector.studies.encoders import ENCODERS
from ssr_connector.studies.forgetting import FORGETTING
from ssr_connector.studies.languages import LANGUAGES_STUDY
from ssr_connector.studies.noise import NOISE
from ssr_connector.studies.study import Study

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        ALIGNERS,
        ALIGNMENT_QUALITY,
        COMPRESSION,
        CONNECTORS,
        DISTILLATION,
        ENCODERS,
        FORGETTING,
        BEYOND,
        NOISE,
        DOMAINS,
        LANGUAGES_STUDY,
    )
}
