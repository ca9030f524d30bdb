/**
 * Texts at which ways to cut text differ: runs of spaces, digits, marks, contractions, scripts, code. Milder than
 * `hard-text.ts`: no special tokens and no characters newer than some program's tables, so that what differs is the cut.
 */

const PIECES = [
  ...["Hello, world!", "  leading", "trailing  ", "a\n\nb", "\n \n\n \n\n\n", "\t\t tabs \t", "\r\n\r\nwin\r\n"],
  ...["don't you'll WE'VE I'M he'D", "3 33 333 3333 33333 333333", "1,234.56€", "$100 #tag @user %5 ^2 &and"],
  ...["x=y+z; // code", "for (let i = 0; i < n; i++) { s += a[i]; }", "def f(x):\n    return x**2\n"],
  ...["https://example.com/a?b=c&d=e#f", "snake_case camelCase PascalCase SCREAMING_CASE", "a.b.c...d"],
  ...["ÀÉÎÕÜ çñß", "e\u0301 a\u0308 o\u0302", "ﬁ ﬂ ½ ² ³", "ＦＵＬＬ　ｗｉｄｔｈ", "\u212a \u212b \u2126"],
  ...["नमस्ते दुनिया", "สวัสดีชาวโลก", "안녕하세요 세계", "こんにちは世界", "你好，世界！", "我想在apple工作1314151天～"],
  ...["Привет, мир", "مرحبا بالعالم", "שלום עולם", "🚀 (normal) 😶\u200d🌫️ 👩‍👩‍👧‍👦", "🇩🇪🇫🇷"],
  ...["\u00a0nbsp\u00a0", "\u200bzero\u200bwidth", "a  b   c    d", "ĠĠ Ċ", "▁▁ x"],
  ...["''''''```````\"\"\"\"......!!!!!!??????", "------======="],
];

const JOINTS = ["", " ", "\n", "  ", "\n\n", "x", "7", "'s", "."];

/** At least `count` texts, the same in each run: the pieces, changed a little, and joined in pairs. */
export function everydayTexts(count: number): string[] {
  const texts = new Set(PIECES);
  for (const piece of PIECES) {
    for (const text of [` ${piece}`, `\n${piece}`, `${piece}\n`, piece.toUpperCase(), piece.replaceAll(" ", "")]) {
      texts.add(text);
    }
  }
  for (let i = 0; texts.size < count; i++) {
    const [first, second] = [PIECES[i % PIECES.length]!, PIECES[(i * 7 + 3) % PIECES.length]!];
    texts.add(first + JOINTS[i % JOINTS.length]! + second);
  }
  return [...texts];
}
