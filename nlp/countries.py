"""The language in which most people of a country write feedback; countries where none clearly leads are left out."""

_COUNTRIES = {
    "ar": "AE BH DZ EG IQ JO KW LB LY MA OM QA SA SD SY TN YE",
    "de": "AT DE LI",
    "el": "CY GR",
    "en": "AU GB GH IE JM KE NG NZ TT US ZA",
    "es": "AR BO CL CO CR CU DO EC ES GT HN MX NI PA PE PR PY SV UY VE",
    "fr": "CI CM FR MC SN",
    "it": "IT SM",
    "nl": "NL SR",
    "pt": "AO BR MZ PT",
    "ro": "MD RO",
    "ru": "BY RU",
    "zh": "CN HK MO TW",
} | {
    "am": "ET", "bg": "BG", "bn": "BD", "bs": "BA", "cs": "CZ", "da": "DK", "et": "EE", "fa": "IR", "fi": "FI", "he": "IL", "hr": "HR",
    "hu": "HU", "hy": "AM", "id": "ID", "is": "IS", "ja": "JP", "ka": "GE", "km": "KH", "ko": "KR", "lo": "LA", "lt": "LT", "lv": "LV",
    "mk": "MK", "mn": "MN", "ms": "MY", "my": "MM", "ne": "NP", "no": "NO", "pl": "PL", "sk": "SK", "sl": "SI", "sq": "AL", "sr": "RS",
    "sv": "SE", "th": "TH", "tr": "TR", "uk": "UA", "ur": "PK", "vi": "VN",
}  # fmt: skip
_LANGUAGES = {country: language for language, countries in _COUNTRIES.items() for country in countries.split()}


def language_of(country: str | None) -> str | None:
    """The language of a country by its code of two letters (ISO 3166), in either case; None where no single one leads."""
    return None if country is None else _LANGUAGES.get(country.upper())
