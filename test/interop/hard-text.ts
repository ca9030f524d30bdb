/**
 * A text that tokenizers stumble over: many scripts, and at every border between two kinds of characters. Handwritten
 * lines, then lines put together from them by a seeded generator.
 */

const WRITTEN = String.raw`
The quick brown fox jumps over the lazy dog. THE QUICK BROWN FOX. tHe QuIcK bRoWn FoX
I'm, you're, he's, she'll, we've, they'd, don't; I'M, YOU'RE, HE'S, SHE'LL, WE'VE, THEY'D, DON'T
'tis 'twas rock 'n' roll o'clock d'être l'État s'il 'S 'T 'RE 'Ll 'vE x'ſ 'K 'sam 'lls ''s '' ' 's
it’s “quoted” ‘single’ — em–dash … ellipsis¡¿ «guillemets» ‹single› „low“ ‚low‘
1 12 123 1234 12345 123456 1234567 12345678 1,234,567.89 3.14e-10 0x1F 1st 2nd 3rd v2.0.1 2024-05-17T12:34:56Z
½ ¼ ² ³ ¹ ₁₂₃ Ⅻ ⅷ ① ② ⑳ ㉑ 〇 一二三 ٠١٢٣٤٥٦٧٨٩ ۰۱۲۳۴۵ ०१२३४५६७८९ ০১২৩ ๐๑๒๓ ０１２３４５ 𝟎𝟏𝟐𝟑𝟒𝟓 𝟢𝟣𝟤𝟥 𐄇𐄈𐄉 𝍠𝍡
今天天气很好，我们去公园散步吧！他说：“你好，世界。”（真的吗？）——是的……
繁體中文測試：臺灣、香港與澳門；電腦軟體。𠀀𠀁𠮷野家 𪚥 㐀㐁 豈更車 﨑 鿿 ⺀⺁ ⼀⼁
日本語のテキスト。ひらがな、カタカナ、漢字が混ざっています。ｶﾀｶﾅ ﾊﾟ ー〜「かぎ」『二重』・中黒 ㍿ ㌔ ゝゞ ヿ ゟ
한국어 문장입니다. 안녕하세요? 띄어쓰기가 있습니다. ᄒ\u1161ᆫ ᄀ\u1161 ㄱㄴㄷ ㅏㅑ ꥠ ힰ 가각힣
مرحبا بالعالم، كيف حالك؟ اللُّغَةُ العَرَبِيَّةُ جَمِيلَةٌ؛ ١٢٣ ﷺ ﷽ لا إله ﻻ ﺍﺏ ـــ‎RTL‏
שָׁלוֹם עוֹלָם! מה שלומך? יִידִישׁ ״ציטוט״ ׳גרש׳
نستعلیق اردو میں لکھا ہوا متن ہے۔ فارسی: می‌خواهم بروم، کتاب‌ها
नमस्ते दुनिया! यह हिन्दी में एक वाक्य है। क्षत्रिय ज्ञान श्री कर्म क़ ऑ ॐ ।। संस्कृतम्
বাংলা ভাষায় লেখা বাক্য। ক্ষ জ্ঞ ৎ তামিল: தமிழ் மொழி நன்று ஸ்ரீ తెలుగు భాష ಕನ್ನಡ ಭಾಷೆ മലയാളം ભાષા ਪੰਜਾਬੀ සිංහල
สวัสดีชาวโลก ภาษาไทยไม่มีช่องว่างระหว่างคำ กำลังน้ำ ฯลฯ ๆ ລາວ ສະບາຍດີ ភាសាខ្មែរ មិនដកឃ្លា မြန်မာဘာသာ စကား བོད་ཡིག ་།
Привет, мир! Ёлка и ёжик. ЁЖ ХОРОШО ѣ ѳ Українська мова: їжак, ґанок; Српски: Љубав; Ѐ Ӣ Ꙋ ꙋ
Ελληνικά: Καλημέρα κόσμε! ΆΈΉΊΌΎΏ ΐΰ ᾳῃῳ ᾼ ὦ ς σ Ω Ω K Å ℵ ϐ ϑ
Հայերեն լեզու. ქართული ენა ᲥᲐᲠᲗᲣᲚᲘ Ⴀ ⴀ አማርኛ ቋንቋ ᎣᏏᏲ Ꭰꭰ ᐃᓄᒃᑎᑐᑦ ᚠᚢᚦ ᠮᠣᠩᠭᠣᠯ ⵜⴰⵎⴰⵣⵉⵖⵜ 𐐀𐐨 𐒰𐓘 𞤀𞤢 𑢠𑣀 𐲀𐳀
Tiếng Việt có nhiều dấu: ắ ằ ẳ ẵ ặ; čeština řeřicha; polski żółć; İstanbul ıI; Þórður ðß ẞ; ŉ ǅ ǆ Ǆ ʼn
naïve cafe\u0301 Å A\u030a n\u0303 o\u0308\u0304 e\u0301\u0327 Z\u0351\u036b\u0343\u036a\u0302\u0348a\u0348\u0359l\u0329\u0319g\u034fo\u0334 \u0301alone x\u20dd 1\u20e3
😀 😃😄 👍🏽 👨‍👩‍👧‍👦 👩🏿‍🚀 🏳️‍🌈 🇩🇪🇫🇷🇯🇵 ❤️ ☺︎ ☺️ #️⃣ 1️⃣ 🧑🏻‍🤝‍🧑🏿 🫠🫨🩷 ©️ ™ 🅰️ 🀄 🂡 ♠♥ ✂️ ➡️ ⌚⏰ ⭐🌟
∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, α ∧ ¬β = ¬(¬α ∨ β), ∑∏∫∮√∞≈≠≤≥ ⟨ψ|φ⟩ 𝑎𝒃𝓒𝔡𝕖𝖋𝗀𝘩𝚒 ←↑→↓ ⇒⇔ ♪♫ ₿€£¥₹₽¢¤
┌─┬─┐│░▒▓█▀▄ ■□▲△◆○● ☐☑☒ ⠁⠂⠃ ⌘⌥⇧ ␀␣ † ‡ • ‰ ‱ ′ ″ ※ ⁂ № ℃ Ω µ ª º § ¶
a b c\u2000d\u2003e\u200af\u200bg\u200ch\u200di\u2060j\ufeffk\u00a0l\u202fm\u205fn\u3000o\u1680p\u0085q\u2028r\u2029s\u00adt\u180eu
\u0000nul \u0001\u0002\u0007\u0008 \u001b[31mred\u001b[0m \u007fdel \u0080\u009f \u001c\u001d\u001e\u001f \u000b\u000c
\ud800 lone \udfff halves \udc80\ud800 \ufffd \ufffe \uffff \u{10ffff} \u{e0001} \u{e0100} \uf8ff \ue000 \u{f0000}
\u0378 \u{1c89} \u{10d40} \ua7da \u{31350} \u{2ebf0} \u{2fa1e} \ufa6e \ufae0 \u{2b739} \u{2b73a} \u{1faff} \u{1e030}
  two   three    four     five      six       seven        eight         nine          ten
	tab		two tabs			three 	 mixed 	 	 	 \t \t\t x
trailing spaces     
   leading spaces
def f(x: int) -> list[str]:  # comment
    return [f"{i:>3}" for i in range(x) if i % 2 == 0 and not (i ^ x) & 0xFF]
	if (a==b&&c!=d||e<=f){x+=1;y--;z<<=2;}//end
<div class="a b" id='c'>&nbsp;&lt;text&gt;</div><!-- note --><br/><table><tr><td>1</td></tr></table>
SELECT * FROM "t" WHERE a='b''c' AND d IN (1,2,3) -- x;
{"key": [1, -2.5e+3, true, null, "a\"b\\c\u00e9"], "k2": {"nested": {}}}
https://user:pass@example.com:8080/path/to/file.html?q=1&r=%20a#frag mailto:a.b+c@d-e.org ftp://x//y /usr/local/bin/ C:\Windows\System32\
#include <stdio.h>\nint main(void){printf("%d\n",42);return 0;} \\ \n \t \x00 \u0041
camelCase PascalCase snake_case kebab-case SCREAMING_CASE XMLHttpRequest iPhone McDonald eBay HTML5 a1b2c3 ABCdefGHI
don't.can't!won't?"it's"(he's)[I'm]{we're} a'b'c 'quoted' ''double'' x'y' 'sX 'TX
!!! ??? ... ,,, ;;; ::: --- ___ *** === +++ ~~~ ### $$$ %%% ^^^ &&& @@@ ||| /// \\\ <<< >>> (((())))[[[]]]{{{}}} !?!? .,.,
 !a ?b .c ,d ;e :f -g _h *i =j +k ~l #m $n %o ^p &q @r |s /t \u v <w >x (y )z [A ]B {C }D "E 'F
a! b? c. d, e; f: g- h_ i* j= k+ l~ m# n$ o% p^ q& r@ s| t/ u\ v< w> x( y) z[ A] B{ C} D" E'
<s> </s> <unk> <pad> <mask> [CLS] [SEP] [MASK] [UNK] <0x0A> <0x41> <|endoftext|> <|im_start|>user<|im_end|> <|eot_id|>
<|begin_of_text|><|start_header_id|>system<|end_header_id|>hi<|eot_id|> <start_of_turn>user <end_of_turn> <bos><eos>
<｜begin▁of▁sentence｜>x<｜end▁of▁sentence｜> <｜User｜> <|fim_prefix|> <|tool_call|> <think> </think> <unused0> <image> <|channel|>
▁ ▁▁ a▁b ▁word Ġ Ċ Ġword ĉ ł Ń âĢĻ ## ##ing @@ </w> ¡ ¬ ® ÿ Ā ſ
lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua
antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis Donaudampfschifffahrtsgesellschaftskapitän Rindfleischetikettierung
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbb hahahahahaha ooooooh zzzzzz AAAAAAAAAAAAAAAAAAAA ------------------------------------
IMGIMGABCZ IMGIMGAZ IMGIMGABCDEFZ <sentinel:12> <sentinel:> x5 5x 5  5 1 2 3 12 345 6789 a1234567b 12345six ５６７８９0
ﬁ ﬂ ﬀ ﬃ Ａ Ｂ ｃ ！ ？ ～ ｜ ㈱ ㎏ ㍻ ① Ⅳ ﷲ ĳ ŀ ʰ ⁿ ª ℌ ｱ ﾞ ゙ か゚ 〜 ～ ‥ ‾
`.replace(/\\u\{([0-9a-f]+)\}|\\u([0-9a-f]{4})/g, (_, long: string, short: string) =>
  String.fromCodePoint(parseInt(long ?? short, 16)),
);

/** Whole words and single borders, to put lines together from. */
const ATOMS = WRITTEN.split(/(?<=\s)|(?=\s)/u).filter((atom) => atom !== "" && atom !== "\n");
const BORDERS = [
  " ",
  "  ",
  "   ",
  "\t",
  " \t",
  "\r\n",
  "\n",
  "\n\n",
  "\n \n",
  " \n",
  "",
  "",
  "",
  "'",
  "-",
  ".",
  "\u00a0",
  "\u3000",
];

/** Numbers in [0, 1), the same in every run. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** At least 500 texts of a line or a few. */
export function hardLines(): string[] {
  const random = seeded(7);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const written = WRITTEN.split("\n");
  const mixed = Array.from({ length: 500 }, () => {
    const parts = Array.from({ length: 3 + Math.floor(random() * 20) }, () => pick(ATOMS) + pick(BORDERS));
    return parts.join("");
  });
  const runs = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100].flatMap((n) =>
    [" ", "\n", "\t", "\r\n", "a", "1", "é", "中", "😀", "\u0301", "=", "▁", " a", "\n "].flatMap((unit) => [
      unit.repeat(n),
      `x${unit.repeat(n)}y`,
    ]),
  );
  // Any code point beside a letter, a digit, a space: 3000 of them.
  const points = Array.from({ length: 60 }, () =>
    Array.from({ length: 50 }, () => {
      const code = Math.floor(random() < 0.5 ? random() * 0x3000 : random() * 0x32000);
      return String.fromCodePoint(code) + pick(["", " ", "a", "1", "A", "."]);
    }).join(""),
  );
  return ["", ...written, WRITTEN, ...mixed, mixed.slice(0, 50).join("\n"), ...runs, ...points];
}
