"""Minimal pairs: a sentence and the same sentence with one grammatical mistake (after BLiMP's phenomena)."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from ssr_connector.tiny import lexicon
from ssr_connector.tiny.lexicon import Noun


@dataclass(frozen=True)
class Contrast:
    """A grammatical sentence and its ungrammatical neighbour."""

    phenomenon: str
    good: str
    bad: str


def _pair(phenomenon: str, frame: str, good: str, bad: str, rng: random.Random) -> Contrast:
    """Put ``good`` and ``bad`` into the ``*`` of a frame; sometimes say when, so that sentences start in many ways."""
    if rng.random() < 0.3:
        frame = f"{rng.choice(('Today', 'On Sunday', 'In the morning', 'At night', 'I think that', 'Perhaps'))} {frame}"
    good, bad = (frame.replace("*", word) for word in (good, bad))
    return Contrast(phenomenon, good[0].upper() + good[1:], bad[0].upper() + bad[1:])


def _folk(rng: random.Random) -> tuple[Noun, Noun]:
    first, second = rng.sample(lexicon.FOLK, 2)
    return first, second


def subject_verb_agreement(rng: random.Random) -> Contrast:
    """The verb agrees with its subject, whatever noun stands between them."""
    (subject, near), verb, thing = _folk(rng), rng.choice(lexicon.TRANSITIVE), rng.choice(lexicon.THINGS)
    adjective = rng.choice(lexicon.ADJECTIVES)
    plural = rng.random() < 0.5
    attractor = rng.choice(("", "", f" near the {near}", f" behind the {near.plural}", f" who know the {near.plural}"))
    if not plural:
        attractor = attractor.replace("who know", "who knows")
    good, bad = (verb.base, verb.third) if plural else (verb.third, verb.base)
    noun = subject.plural if plural else subject.word
    return _pair("subject-verb agreement", f"the {adjective} {noun}{attractor} * the {thing}.", good, bad, rng)


def anaphor_agreement(rng: random.Random) -> Contrast:
    """A reflexive agrees with its subject in gender and number."""
    person, other = rng.sample(lexicon.PEOPLE, 2)
    verb, place = rng.choice(lexicon.REFLEXIVE), rng.choice(lexicon.PLACES)
    if rng.random() < 0.5:
        wrong = "themselves" if rng.random() < 0.4 else "himself" if person.female else "herself"
        return _pair("anaphor agreement", f"{person} {verb.past} * at the {place}.", person.himself, wrong, rng)
    frame = f"{person} and {other} {verb.past} * at the {place}."
    return _pair("anaphor agreement", frame, "themselves", rng.choice((person, other)).himself, rng)


def determiner_noun_agreement(rng: random.Random) -> Contrast:
    """This and that take a singular noun, these and those a plural."""
    person, verb = rng.choice(lexicon.PEOPLE), rng.choice(lexicon.TRANSITIVE)
    noun = rng.choice(lexicon.THINGS + lexicon.ANIMALS)
    adjective = rng.choice(("", f" {rng.choice(lexicon.ADJECTIVES)}"))
    frame = f"{person} {verb.past} *{adjective} {noun}."
    if noun.word == noun.plural:
        return determiner_noun_agreement(rng)
    good, bad = rng.choice((("this", "these"), ("that", "those")))
    if rng.random() < 0.5:
        good, bad, frame = bad, good, frame.removesuffix(f"{noun}.") + f"{noun.plural}."
    return _pair("determiner-noun agreement", frame, good, bad, rng)


def irregular_forms(rng: random.Random) -> Contrast:
    """Past tense and participle of irregular verbs keep their places."""
    person, verb = rng.choice(lexicon.PEOPLE), rng.choice(lexicon.IRREGULAR)
    adjective, thing = rng.choice(lexicon.ADJECTIVES), rng.choice(lexicon.THINGS)
    if rng.random() < 0.5:
        auxiliary = rng.choice(("has", "had"))
        frame, good, bad = f"{person} {auxiliary} * the {adjective} {thing}.", verb.participle, verb.past
    else:
        frame, good, bad = f"{person} * the {adjective} {thing}.", verb.past, verb.participle
    return _pair("irregular forms", frame, good, bad, rng)


def npi_licensing(rng: random.Random) -> Contrast:
    """Ever, any and yet need a negation above them."""
    (subject, _), verb, thing = _folk(rng), rng.choice(lexicon.TRANSITIVE), rng.choice(lexicon.THINGS)
    adjective = rng.choice(lexicon.ADJECTIVES)
    kind = rng.randrange(3)
    if kind == 0:
        return _pair(
            "NPI licensing", f"* {adjective} {subject} has ever {verb.participle} the {thing}.", "no", "one", rng
        )
    if kind == 1:
        frame = f"the {adjective} {subject} has * {verb.participle} any {thing.plural}."
        return _pair("NPI licensing", frame, "not", "often", rng)
    frame = f"the {adjective} {subject} has * {verb.participle} the {thing} yet."
    return _pair("NPI licensing", frame, "not", "really", rng)


def argument_structure(rng: random.Random) -> Contrast:
    """Only transitive verbs take an object or a passive."""
    (subject, other), thing = _folk(rng), rng.choice(lexicon.THINGS)
    adjective = rng.choice(lexicon.ADJECTIVES)
    transitive, intransitive = rng.choice(lexicon.TRANSITIVE), rng.choice(lexicon.INTRANSITIVE)
    kind = rng.randrange(3)
    if kind == 0:
        frame = f"the {adjective} {subject} * the {thing} for the {other}."
        return _pair("argument structure", frame, transitive.past, intransitive.past, rng)
    if kind == 1:
        frame = f"the {adjective} {thing} was * by the {subject}."
        return _pair("argument structure", frame, transitive.participle, intransitive.participle, rng)
    adverb, place = rng.choice(lexicon.ADVERBS), rng.choice(lexicon.PLACES)
    frame = f"the {subject} {adverb} * in the {place}."
    return _pair("argument structure", frame, intransitive.past, rng.choice(lexicon.OBJECT_NEEDED).past, rng)


def quantifiers(rng: random.Random) -> Contrast:
    """There is takes an indefinite; many and few take plurals, every and each singulars."""
    noun, place = rng.choice(lexicon.THINGS + lexicon.SWEETS), rng.choice(lexicon.PLACES)
    adjective = rng.choice(lexicon.ADJECTIVES)
    kind = rng.randrange(3)
    if kind == 0:
        good, bad = lexicon.with_article(adjective), f"{rng.choice(('every', 'each'))} {adjective}"
        return _pair("quantifiers", f"there is * {noun} in the {place}.", good, bad, rng)
    many, every = rng.choice(("many", "few")), rng.choice(("every", "each"))
    if kind == 1:
        frame = f"{rng.choice(lexicon.PEOPLE)} liked * {adjective} {noun} in the {place}."
        return _pair("quantifiers", frame, every, many, rng)
    frame = f"{rng.choice(lexicon.PEOPLE)} liked * {adjective} {noun.plural} in the {place}."
    return _pair("quantifiers", frame, many, every, rng)


def filler_gap(rng: random.Random) -> Contrast:
    """A question word needs a gap, and "that" forbids one."""
    person, other = rng.sample(lexicon.PEOPLE, 2)
    verb, thing, place = rng.choice(lexicon.OBJECT_NEEDED), rng.choice(lexicon.THINGS), rng.choice(lexicon.PLACES)
    knew = rng.choice(("knew", "forgot", "remembered", "said", "noticed"))
    if rng.random() < 0.5:
        return _pair("filler-gap", f"{person} {knew} * {other} {verb.past} in the {place}.", "what", "that", rng)
    frame = f"{person} {knew} * {other} {verb.past} the {thing} in the {place}."
    return _pair("filler-gap", frame, "that", "what", rng)


PHENOMENA: tuple[Callable[[random.Random], Contrast], ...] = (
    subject_verb_agreement,
    anaphor_agreement,
    determiner_noun_agreement,
    irregular_forms,
    npi_licensing,
    argument_structure,
    quantifiers,
    filler_gap,
)


def contrast_any(rng: random.Random) -> Contrast:
    """A contrast of a random phenomenon."""
    return rng.choice(PHENOMENA)(rng)
