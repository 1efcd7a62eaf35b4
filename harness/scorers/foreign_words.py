"""The commonest words of languages that are written in Latin letters: they tell short texts apart.

A word stands under each language that it is common in, and none of them is an English word: by
the English dictionary of simplemma 2.0.0, against which a test holds the table. Spellings without
accents stand beside those with them where people write so. Words of our own choosing: yes, no,
sorry, cannot, and the articles, pronouns, prepositions and conjunctions of each language.
"""

from __future__ import annotations

from collections.abc import Mapping

_WORDS = {
    "Afrikaans": "nee ek kan nie jou jy hierdie dit baie natuurlik asseblief weier daarmee",
    "Albanian": "po nuk mund më keq një është dhe për që të unë kjo sigurisht vjen",
    "Azerbaijani": "xeyr bəli mən bu və bilmərəm üçün deyil kömək edə təəssüf",
    "Basque": "ez bai barkatu ezin dut dizut hori honetan da naiz lagundu",
    "Catalan": "fer sento puc ajudar amb això és són perquè aquesta aquest però vostè sí",
    "Croatian": "ne da žao je ne mogu vam što kako ili naravno zato oprostite pomoći nisam",
    "Czech": "ne ano nejde promiňte bohužel nemohu nemůžu jsem jak nebo protože vám samozřejmě není když",
    "Danish": "nej ja beklager jeg kan ikke det er og til af på med hjælpe selvfølgelig desværre",
    "Dutch": "nee ja ik kan niet het een dat jij je en van voor met spijt helaas natuurlijk deze zijn",
    "Esperanto": "jes pardonu ne povas kaj la estas vin tion ĉi por bedaŭrinde helpi",
    "Estonian": "ei jah vabandust saa ja kui seda aga kahjuks aidata teid olen",
    "Filipino": "pasensya paumanhin ako ko ang mga sa kita iyan para kasi ito puwede po opo",
    "Finnish": "ei kyllä valitettavasti en voi auttaa olen se että ja mutta kun tämä anteeksi tietenkin siinä",
    "French": (
        "non oui désolé désolée je ne peux pas vous tu est une des du et ce cela ça qui que avec bien sûr "
        "voici mais c'est n'est j'ai nous sont peut malheureusement suis merci dans"
    ),
    "German": (
        "nein ja ich kann nicht das ist und der den dem ein eine zu mit es mir leid leider dazu "
        "natürlich bitte sie wir kein keine sind auf für aber nichts geht darf möchte danke keinesfalls"
    ),
    "Haitian Creole": "wi mwen ede sa ak regrèt eskize epi li",
    "Hausa": "a'a yi hakuri zan iya taimaka maka wannan da ne ina",
    "Hindi": "nahi nahin haan maaf kijiye mujhe aapki madad kar sakta sakti hai yeh ki kya",
    "Hungarian": "nem igen sajnálom sajnos nem tudok az egy és hogy ez ebben segíteni vagy természetesen persze bocsánat",
    "Icelandic": "nei já því miður ég ekki það er og að við með hjálpað",
    "Igbo": "mba ee ndo enweghị ike inyere gị aka nke",
    "Indonesian": (
        "tidak bukan maaf saya aku bisa dapat membantu yang itu ini dengan untuk anda kamu "
        "tentu saja adalah karena tak akan mohon enggak nggak"
    ),
    "Irish": "ní níl tá brón orm féidir liom leat agus seo cabhrú",
    "Italian": (
        "sì non mi dispiace posso aiutarti aiutarla con questo questa che il è di della sono una "
        "certo ecco purtroppo perché sarebbe assolutamente scusa nemmeno grazie"
    ),
    "Javanese": "nuwun sewu kulo mboten iku iki",
    "Latin": "non te adiuvare est et hoc quod ignosce mihi nolo ita minime",
    "Latvian": "nē jā atvainojiet diemžēl es nevaru un ir ar jums palīdzēt",
    "Lithuanian": "ne taip atsiprašau deja negaliu su tuo ir aš yra jums kad padėti",
    "Malay": "tidak tak maaf saya boleh membantu dengan yang itu ini untuk anda enggan perkara",
    "Norwegian": "nei ja beklager jeg kan ikke det er og til på med hjelpe selvfølgelig dessverre",
    "Polish": (
        "nie tak jest przepraszam przykro niestety mogę moge tego tym się sie pomóc jak "
        "oczywiście oczywiscie dla że odmawiam absolutnie"
    ),
    "Portuguese": (
        "não nao desculpe desculpa lamento sinto muito posso ajudar com isso você voce é são uma "
        "que por para claro está aqui ao infelizmente obrigado obrigada nunca"
    ),
    "Romanian": "nu da îmi imi rău rau scuze ajuta cu asta și este să în nu te vă desigur pentru că",
    "Slovak": "nie áno prepáčte bohužiaľ nemôžem som je ako alebo pretože vám samozrejme",
    "Slovenian": "ne da žal oprostite ne morem vam je kako zato seveda pomagati",
    "Somali": "waan xumahay kuma caawin karo taas waa iyo",
    "Spanish": (
        "sí lo siento puedo ayudarte ayudarle ayudar con eso esto que el los las es una un por para "
        "claro supuesto pero está esa ese aquí porque nunca perdón disculpe gracias usted lamento jamás"
    ),
    "Swahili": "hapana ndiyo samahani siwezi kukusaidia hii ni kwa kufanya hivyo bila shaka",
    "Swedish": "nej ja tyvärr jag kan inte det är och att med på hjälpa självklart förlåt ledsen vill som",
    "Turkish": (
        "hayır hayir evet üzgünüm uzgunum maalesef bu bunu bir için icin konuda yardımcı yardimci olamam "
        "yapamam edemem değil elbette tabii ki çok ne şey"
    ),
    "Vietnamese": (
        "không khong có xin lỗi tôi toi thể giúp giup bạn việc viec đó và là các cho được duoc của cua "
        "này vâng dạ rất tiếc"
    ),
    "Welsh": "ydw mae'n ddrwg ni allaf helpu gyda hynny yn yw",
    "Yoruba": "rara binu le lowo pelu iyen ni jọwọ bẹẹni",
    "Zulu": "cha yebo uxolo angikwazi ukukusiza ngalokho kanye ngiyaxolisa",
}  # fmt: skip
COMMON: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split()) for language, words in _WORDS.items()
}
