"""Codes of languages as a caller writes them, and as annotations bear them: ISO 639-1, and three letters where there are no two."""

import re

from core.errors import InvalidInput
from nlp.language import language_code

_PAIRS = """aa:aar ab:abk ae:ave af:afr ak:aka am:amh an:arg ar:ara as:asm av:ava ay:aym az:aze ba:bak be:bel bg:bul bi:bis bm:bam bn:ben
bo:bod:tib br:bre bs:bos ca:cat ce:che ch:cha co:cos cr:cre cs:ces:cze cu:chu cv:chv cy:cym:wel da:dan de:deu:ger dv:div dz:dzo ee:ewe
el:ell:gre en:eng eo:epo es:spa et:est eu:eus:baq fa:fas:per ff:ful fi:fin fj:fij fo:fao fr:fra:fre fy:fry ga:gle gd:gla gl:glg gn:grn
gu:guj gv:glv ha:hau he:heb hi:hin ho:hmo hr:hrv ht:hat hu:hun hy:hye:arm hz:her ia:ina id:ind ie:ile ig:ibo ii:iii ik:ipk io:ido
is:isl:ice it:ita iu:iku ja:jpn jv:jav ka:kat:geo kg:kon ki:kik kj:kua kk:kaz kl:kal km:khm kn:kan ko:kor kr:kau ks:kas ku:kur kv:kom
kw:cor ky:kir la:lat lb:ltz lg:lug li:lim ln:lin lo:lao lt:lit lu:lub lv:lav mg:mlg mh:mah mi:mri:mao mk:mkd:mac ml:mal mn:mon mr:mar
ms:msa:may mt:mlt my:mya:bur na:nau nb:nob nd:nde ne:nep ng:ndo nl:nld:dut nn:nno no:nor nr:nbl nv:nav ny:nya oc:oci oj:oji om:orm
or:ori os:oss pa:pan pi:pli pl:pol ps:pus pt:por qu:que rm:roh rn:run ro:ron:rum ru:rus rw:kin sa:san sc:srd sd:snd se:sme sg:sag
si:sin sk:slk:slo sl:slv sm:smo sn:sna so:som sq:sqi:alb sr:srp ss:ssw st:sot su:sun sv:swe sw:swa ta:tam te:tel tg:tgk th:tha ti:tir
tk:tuk tl:tgl tn:tsn to:ton tr:tur ts:tso tt:tat tw:twi ty:tah ug:uig uk:ukr ur:urd uz:uzb ve:ven vi:vie vo:vol wa:wln wo:wol xh:xho
yi:yid yo:yor za:zha zh:zho:chi zu:zul"""
"""ISO 639-1 with its three-letter forms of ISO 639-2 (terminological, then bibliographic)."""
_SHORT = {long: short for short, *longs in (pair.split(":") for pair in _PAIRS.split()) for long in longs}
TWO_LETTERS = frozenset(_SHORT.values())
FORM = re.compile(r"\s*([A-Za-z]{2,3})(?:[-_][A-Za-z0-9_-]*)?\s*", re.ASCII)


def known_language(asked: str | None, field: str = "language") -> str | None:
    """The code as annotations have it: `en-US` is `en`, `deu` is `de`, `und` is what has no language.

    Raises InvalidInput naming the codes there are.
    """
    if asked is None:
        return None
    found = FORM.fullmatch(asked)
    primary = _SHORT.get(found[1].lower(), found[1].lower()) if found else ""
    if (len(primary) == 2 and primary not in TWO_LETTERS) or not primary:
        raise InvalidInput(
            f"unknown language {asked[:20]!r}; valid are codes of ISO 639, such as en, ja, pt-BR or deu: {', '.join(sorted(TWO_LETTERS))}, "
            "and three letters for others",
            field=field,
        )
    return language_code(primary, field=field)
