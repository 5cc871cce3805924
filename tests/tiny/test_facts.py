import random

from ssr_connector.tiny.facts import SUBJECTS, invent


def test_there_are_enough_subjects_and_ways_to_ask() -> None:
    assert len({subject.name for subject in SUBJECTS}) >= 8
    for subject in SUBJECTS:
        assert len(set(subject.entities)) == len(subject.entities)
        for relation in subject.relations:
            assert len(set(relation.values)) == len(relation.values) >= 7
            assert len(set(relation.templates)) == 6
            assert all("{e}" in template for template in relation.templates)


def test_every_entity_has_one_value_per_relation() -> None:
    facts = invent(random.Random(0))
    assert len({(fact.entity, fact.relation.name) for fact in facts}) == len(facts) >= 190
    assert all(fact.value in fact.relation.values for fact in facts)
    assert invent(random.Random(0)) == facts != invent(random.Random(1))


def test_sentences_are_written_out() -> None:
    for fact in invent(random.Random(0)):
        for template in range(2):
            statement = fact.statement(template)
            assert statement[0].isupper()
            assert statement.endswith(".")
            assert fact.value in statement
            assert fact.entity.lower() in statement.lower()
        assert "{" not in "".join(fact.question(template) for template in range(6))
