import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssr_connector.evaluation.spoken.reading import said, unread


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("In 1920, 1,920 of 25 came.", "In nineteen twenty, one thousand nine hundred twenty of twenty five came."),
        ("the 1960s, 3rd, 21st", "the nineteen sixties, third, twenty first"),
        ("0.50 or .5 or 007", "zero point five zero or point five or zero zero seven"),
        ("$1, $3.50, £5 million", "one dollar, three dollars and fifty cents, five million pounds"),
        ("$0.01 and -$1,000", "one cent and minus one thousand dollars"),
        ("37°C, 8.6 °F, 1°", "thirty seven degrees Celsius, eight point six degrees Fahrenheit, one degree"),
        ("50% and 10-20%", "fifty percent and ten to twenty percent"),
        ("5 kg, 1 km, 20 m/s, 1 ft", "five kilograms, one kilometer, twenty meters per second, one foot"),
        ("1 g/day or 50 mg/kg", "one gram per day or fifty milligrams per kilogram"),
        ("1250 kcal/day, 7 kJ/mol", "one thousand two hundred fifty kilocalories per day, seven kilojoules per mole"),
        ("4.0 m/s2 and 3/min", "four point zero meters per second squared and three per minute"),
        ("10 000 people, 2 000 000", "ten thousand people, two million"),
        ("2 + 2 = 4", "two plus two equals four"),
        ("75 × 65 ÷ 5", "seventy five times sixty five divided by five"),
        ("-5 and 8 − 3", "minus five and eight minus three"),
        ("p=0.01", "p equals zero point zero one"),
        ("1/2, 3/4, 7/16", "one half, three quarters, seven over sixteen"),
        ("120/80 mm Hg", "one hundred twenty over eighty millimeters of mercury"),
        ("1914-1918", "nineteen fourteen to nineteen eighteen"),
        ("1914 - 1918 and 10 – 20 %", "nineteen fourteen to nineteen eighteen and ten to twenty percent"),
        ("5 - 3, 1,027 – 8, 2 - 40", "five minus three, one thousand twenty seven minus eight, two minus forty"),
        ("5 x 9, 5x9, a 100 x 9 matrix", "five times nine, five times nine, a one hundred by nine matrix"),
        ("a 5-3 vote", "a five to three vote"),
        ("at 3:30 p.m., 3:1", "at three thirty P M, three to one"),
        ("e.g. cats vs. dogs, etc.", "for example cats versus dogs, et cetera"),
        ("Dr. Who and Mrs. Ng", "Doctor Who and Missus Ng"),
        ("World War II", "World War two"),
        ("World War I, Type I errors", "World War one, Type one errors"),
        ("James I of England; Paul, I think", "James the first of England; Paul, I think"),
        ("Henry VIII and Louis XIV", "Henry the eighth and Louis the fourteenth"),
        ("I and II only", "one and two only"),
        ("I think so", "I think so"),
        ("H2O, p53, COVID-19", "H two O, p fifty three, COVID-nineteen"),
        ("a 42-year-old man", "a forty two year-old man"),
        ("α-helix, 5 Ω", "alpha helix, five ohms"),
        ("3 m²", "three m squared"),
        ("reason(s) given (as above)", "reasons given, as above"),
        ("he/she and/or B&B", "he or she and or B and B"),
        ("Statement 1 | Dogs bark.", "Statement one: Dogs bark."),
        ("“Yes” — or\nno\nhint.", '"Yes", or, no, hint.'),
        ("Café  Čerenkov’s", "Café Čerenkov's"),
    ],
)  # fmt: skip
def test_how_it_is_said(written, spoken):
    assert said(written) == spoken
    assert unread(spoken) == ""


def test_what_has_no_reading_is_kept_and_named():
    assert unread(said("∀x 文文")) == "∀文"


@given(st.text(alphabet="aB1290.,$%°/-–+=IVX() \n'αé½", max_size=30))
def test_nothing_with_a_reading_leaves_a_digit_or_a_word_without_a_letter(text):
    spoken = said(text)
    assert not any(c.isdigit() for c in spoken)
    if not unread(spoken):
        assert all(any(c.isalpha() for c in word) for word in spoken.split())
