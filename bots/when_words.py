"""The words of times, Spanish and English, without accents and case: what bots/when.py reads with."""

from collections.abc import Mapping

WEEKDAYS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        [
            ("lunes", "monday", "mon"),
            ("martes", "tuesday", "tue"),
            ("miercoles", "wednesday", "wed"),
            ("jueves", "thursday", "thu"),
            ("viernes", "friday", "fri"),
            ("sabado", "saturday", "sat"),
            ("domingo", "sunday", "sun"),
        ]
    )
    for name in names
}

MONTHS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        [
            ("enero", "january", "jan"),
            ("febrero", "february", "feb"),
            ("marzo", "march", "mar"),
            ("abril", "april", "apr"),
            ("mayo", "may"),
            ("junio", "june", "jun"),
            ("julio", "july", "jul"),
            ("agosto", "august", "aug"),
            ("septiembre", "setiembre", "september", "sep"),
            ("octubre", "october", "oct"),
            ("noviembre", "november", "nov"),
            ("diciembre", "december", "dec"),
        ],
        start=1,
    )
    for name in names
}

_SPANISH = "una dos tres cuatro cinco seis siete ocho nueve diez once doce"
_ENGLISH = "one two three four five six seven eight nine ten eleven twelve"
NUMBERS: Mapping[str, int] = {
    word: number for words in (_SPANISH, _ENGLISH) for number, word in enumerate(words.split(), start=1)
} | {"un": 1, "uno": 1, "a": 1, "an": 1, "quince": 15, "fifteen": 15, "veinte": 20, "twenty": 20}

PARTS: Mapping[str, tuple[int, int]] = {
    "primera hora": (0, 10),
    "first thing": (0, 10),
    "manana": (0, 14),
    "morning": (0, 12),
    "mediodia": (12, 15),
    "medio dia": (12, 15),
    "midday": (12, 14),
    "lunchtime": (12, 14),
    "tarde": (14, 21),
    "afternoon": (12, 18),
    "ultima hora": (17, 24),
    "evening": (17, 24),
    "noche": (20, 24),
    "tonight": (18, 24),
    "night": (20, 24),
}
"""The hours of each part of a day, from and until, as people where the word is spoken mean them."""

OF_PART = r"(?:de\s+la\s+(?:manana|tarde|noche)|in\s+the\s+(?:morning|afternoon|evening))\b"
"""The words, as a pattern, behind an hour that say in which part of the day it is."""

SOONEST = (
    "lo antes posible",
    "lo mas pronto posible",
    "cuanto antes",
    "cualquier dia",
    "cualquier momento",
    "cuando sea",
    "cuando haya",
    "cuando pueda",
    "cuando puedas",
    "cuando puedan",
    "lo primero que haya",
    "primer hueco",
    "primera disponible",
    "primera libre",
    "primera cita",
    "as soon as possible",
    "as soon as you can",
    "asap",
    "soonest",
    "earliest",
    "first available",
    "next available",
    "whenever",
    "any time",
    "anytime",
    "any day",
)

_SPANISH_FILLERS = """
    el la los las lo un una al a de del en por para con que y o cita citas hora hueco visita consulta quiero quisiera
    querria necesito puede puedo podria ser me va bien mejor favor gracias hola si algo sobre dia tengo tienes tiene
    hay libre huecos horas viene venga venir proximo proxima este esta pedir reservar
"""
_ENGLISH_FILLERS = """
    on at in the for of to i d want would like need can could please thanks thank you hello hi an appointment slot
    slots times come visit book some time around about next this day is there free have any me my yes
"""
FILLERS = frozenset(f"{_SPANISH_FILLERS} {_ENGLISH_FILLERS}".split())
"""What may stand around a time without changing it. Anything else that is left over: not understood."""
