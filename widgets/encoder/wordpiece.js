// Text to token ids, exactly as Python's tokenizer does it. What happens to each
// Unicode character stands in the weights file, so that no browser's own and
// perhaps older or newer Unicode tables have a say.

export class WordPiece {
  static DROPPED = 1;
  static SPACE = 2;
  static ALONE = 3;
  static BECOMES = 4;
  static HANGUL = 5;
  static WHAT = 7; // the bits that hold one of these
  static PUNCTUATION = 8; // a bit of its own: true of letters after they changed

  static LONGEST_WORD = 100; // in characters; a longer word is [UNK]

  /** Takes the table that pack.py writes. */
  constructor({ vocabulary, special, maxTokens, characters }) {
    this.vocabulary = vocabulary;
    this.maxTokens = maxTokens;
    this.ids = new Map(vocabulary.map((token, id) => [token, id]));
    this.longestToken = Math.max(...vocabulary.map((token) => token.length));
    const quoted = special.map((token) => token.replace(/[[\]]/g, "\\$&"));
    this.special = new RegExp(`(${quoted.join("|")})`);

    this.becomes = new Map(Object.entries(characters.becomes));
    this.kinds = new Uint8Array(0x110000);
    const mark = (ranges, kind) => {
      for (const [first, last] of ranges)
        for (let point = first; point <= last; point++) this.kinds[point] |= kind;
    };
    mark(characters.dropped, WordPiece.DROPPED);
    mark([[0xd800, 0xdfff]], WordPiece.DROPPED); // half a character: no text at all
    mark(characters.space, WordPiece.SPACE);
    mark(characters.alone, WordPiece.ALONE);
    mark([[0xac00, 0xd7a3]], WordPiece.HANGUL);
    mark(characters.punctuation, WordPiece.PUNCTUATION);
    for (const letter of this.becomes.keys())
      this.kinds[letter.codePointAt(0)] |= WordPiece.BECOMES;
  }

  /** Returns the ids of a text's tokens, [CLS] and [SEP] included, cut at maxTokens. */
  encode(text) {
    const room = this.maxTokens - 1;
    const ids = [this.ids.get("[CLS]")];
    for (const part of text.split(this.special)) {
      if (this.special.test(part)) ids.push(this.ids.get(part));
      else this.addWords(part, ids, room);
      if (ids.length >= room) break;
    }
    ids.length = Math.min(ids.length, room);
    ids.push(this.ids.get("[SEP]"));
    return ids;
  }

  /** Cuts a text into words, and adds their tokens to `ids` until `room` is full. */
  addWords(text, ids, room) {
    let word = "";
    let length = 0;
    const end = () => {
      if (length > 0) this.addTokens(word, length, ids);
      word = "";
      length = 0;
    };
    const add = (letter, stands) => {
      if (stands) end();
      word += letter;
      length += 1;
      if (stands) end();
    };
    for (const letter of text) {
      const kind = this.kinds[letter.codePointAt(0)];
      const punctuation = kind & WordPiece.PUNCTUATION;
      switch (kind & WordPiece.WHAT) {
        case WordPiece.DROPPED:
          break;
        case WordPiece.SPACE:
          end();
          break;
        case WordPiece.ALONE:
          add(letter, true);
          break;
        case WordPiece.HANGUL:
          for (const part of letter.normalize("NFD")) add(part, false);
          break;
        case WordPiece.BECOMES:
          for (const part of this.becomes.get(letter)) {
            if (part === " ") end();
            else add(part, this.kinds[part.codePointAt(0)] & WordPiece.PUNCTUATION);
          }
          break;
        default:
          add(letter, punctuation);
      }
      if (ids.length >= room) return;
    }
    end();
  }

  /** Adds a word's tokens: always the longest piece that the vocabulary holds. */
  addTokens(word, length, ids) {
    const pieces = [];
    let start = 0;
    while (start < word.length && length <= WordPiece.LONGEST_WORD) {
      const mark = start > 0 ? "##" : "";
      let end = Math.min(word.length, start + this.longestToken);
      let id;
      while (end > start) {
        id = this.ids.get(mark + word.slice(start, end));
        if (id !== undefined) break;
        end -= 1;
      }
      if (id === undefined) break;
      pieces.push(id);
      start = end;
    }
    if (start < word.length) ids.push(this.ids.get("[UNK]"));
    else ids.push(...pieces);
  }
}
