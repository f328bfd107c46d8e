"""Feedback that nobody wrote: sentences of ten languages put together at random, about as long as tweets and short reviews."""

import random

SENTENCES = {
    "en": [
        "The parcel came three days late and the box was crushed.",
        "Support answered within minutes and solved my problem, thank you!",
        "I was charged twice and nobody can tell me why.",
        "Great value, I would buy it again.",
        "The app crashes every time I open the cart :(",
        "@airline my flight was cancelled and I have been on hold for two hours https://t.example/abc",
        "It does what it says.",
        "Staff at the desk were friendly, but the room smelled of smoke and the shower was cold.",
    ],
    "de": [
        "Die Lieferung kam pünktlich, aber ein Teil fehlte.",
        "Nie wieder, der Kundendienst legt einfach auf.",
        "Super Qualität zu einem fairen Preis!",
        "Seit dem letzten Update lässt sich die App nicht mehr öffnen.",
    ],
    "fr": [
        "Le colis est arrivé abîmé et le remboursement se fait attendre depuis trois semaines.",
        "Personnel très aimable et chambre impeccable.",
        "Rien à signaler.",
        "Le site est lent et la page de paiement ne marche pas.",
    ],
    "es": [
        "El envío tardó dos semanas y nadie respondió a mis correos.",
        "Muy buena atención, volveré sin duda.",
        "La comida estaba fría, pero el camarero fue muy amable.",
        "Me cobraron dos veces la misma factura.",
    ],
    "pt": [
        "O produto chegou com defeito e a troca demorou muito.",
        "Atendimento excelente, recomendo!",
        "O aplicativo trava toda hora depois da atualização.",
        "Preço justo e entrega rápida.",
    ],
    "it": [
        "Il pacco non è mai arrivato e il servizio clienti non risponde.",
        "Camera pulita, colazione ottima e posizione comoda.",
        "Troppo caro per quello che offre.",
    ],
    "ja": [
        "注文した商品がまだ届きません。問い合わせても返事がないです。",
        "店員さんの対応がとても丁寧で、また来たいと思いました。",
        "アプリがすぐ落ちるので使い物になりません！",
        "値段のわりに品質が良いです。",
    ],
    "zh": [
        "物流太慢了，等了一个多星期才收到，包装还破了。",
        "客服态度很好，问题很快就解决了。",
        "质量不错，性价比高。",
        "软件更新以后一直闪退，没法用。",
    ],
    "ar": [
        "وصل الطلب متأخرا جدا ولم يرد أحد على اتصالاتي.",
        "خدمة ممتازة وموظفون محترمون.",
        "التطبيق لا يعمل بعد التحديث الأخير.",
    ],
    "hi": [
        "डिलीवरी बहुत देर से हुई और पैकेट फटा हुआ था।",
        "कर्मचारी बहुत अच्छे थे, खाना भी स्वादिष्ट था।",
        "रिफंड अभी तक नहीं मिला।",
    ],
}


def some_texts(count: int, seed: int) -> list[str]:
    """`count` texts of one to four sentences of one language, the same for the same seed."""
    chosen = random.Random(seed)
    languages = sorted(SENTENCES)
    texts = []
    for _ in range(count):
        sentences = SENTENCES[chosen.choice(languages)]
        texts.append(" ".join(chosen.choices(sentences, k=chosen.choice((1, 1, 1, 2, 2, 3, 4)))))
    return texts
