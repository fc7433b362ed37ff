//! Just enough of Rust's lexical grammar to tell code from comments, strings and characters.
//!
//! Invariant: what comes out has the bytes and lines of what went in; all that is not code is
//! blanked, so an offset in one is an offset in the other. Knows nothing of grammar beyond braces.

/// Blanks comments, strings and character literals of `text`; keeps code, lifetimes and lines.
pub(crate) fn code(text: &str) -> String {
    let source = text.as_bytes();
    let mut out = source.to_vec();
    let mut at = 0;
    while at < source.len() {
        let end = literal_end(source, at).unwrap_or(at);
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = if end > at { end } else { word_end(source, at) };
    }
    String::from_utf8(out).expect("whole literals are blanked, so no character is cut")
}

/// Where the comment, string or character that starts at `at` ends, if one starts there.
fn literal_end(source: &[u8], at: usize) -> Option<usize> {
    let rest = &source[at..];
    if rest.starts_with(b"//") {
        return Some(at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()));
    }
    if rest.starts_with(b"/*") {
        return Some(block_comment_end(source, at));
    }
    let prefix = rest.iter().take_while(|byte| matches!(byte, b'b' | b'c' | b'r')).count();
    let is_raw = prefix > 0 && rest[prefix - 1] == b'r';
    let hashes = rest[prefix..].iter().take_while(|byte| is_raw && **byte == b'#').count();
    match rest.get(prefix + hashes)? {
        b'"' if is_raw => Some(raw_string_end(source, at + prefix + hashes + 1, hashes)),
        b'"' => Some(quoted_end(source, at + prefix + 1, b'"')),
        b'\'' if prefix == 0 || rest[0] == b'b' => character_end(source, at + prefix),
        _ => None,
    }
}

fn block_comment_end(source: &[u8], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < source.len() {
        if source[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if source[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn raw_string_end(source: &[u8], start: usize, hashes: usize) -> usize {
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let found = source[start..].windows(close.len()).position(|window| window == close);
    found.map_or(source.len(), |offset| start + offset + close.len())
}

fn quoted_end(source: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start;
    while at < source.len() {
        match source[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    source.len()
}

/// The end of a character literal, or `None` for a lifetime, which also starts with a quote.
fn character_end(source: &[u8], quote: usize) -> Option<usize> {
    let first = *source.get(quote + 1)?;
    if first == b'\\' {
        return Some(quoted_end(source, quote + 1, b'\''));
    }
    let width = match first {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    (source.get(quote + 1 + width) == Some(&b'\'')).then_some(quote + 2 + width)
}

/// Where the word at `at` ends, so that the `r` of `for"` is never taken for a prefix.
fn word_end(source: &[u8], at: usize) -> usize {
    let length = source[at..].iter().take_while(|byte| is_word(**byte)).count();
    at + length.max(1)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Offsets in `code` where `word` stands as a whole word.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let is_open = *at == 0 || !is_word(bytes[at - 1]);
        let is_shut = bytes.get(at + word.len()).is_none_or(|byte| !is_word(*byte));
        is_open && is_shut
    })
}

/// The identifier at `at` after white space, or nothing.
pub(crate) fn identifier(code: &str, at: usize) -> &str {
    let rest = code[at..].trim_start();
    let length = rest.bytes().take_while(|byte| is_word(*byte)).count();
    &rest[..length]
}

/// Where the item whose head starts at `at` ends: after its `;` or its closing brace.
pub(crate) fn item_end(code: &str, at: usize) -> usize {
    let mut round = 0_usize;
    let mut braces = 0_usize;
    for (offset, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => round += 1,
            b')' | b']' => round = round.saturating_sub(1),
            b'{' => braces += 1,
            b'}' if braces <= 1 => return offset + 1,
            b'}' => braces -= 1,
            b';' if braces == 0 && round == 0 => return offset + 1,
            _ => {}
        }
    }
    code.len()
}

/// The line of `at`, counted from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count()
}

/// Blanks every item under `#[cfg(test)]` in `code`, which must come from [`code`].
pub(crate) fn without_inline_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = code.to_owned();
    while let Some(start) = out.find(MARK) {
        let end = item_end(&out, start + MARK.len());
        let blank =
            |one: char| if one == '\n' { "\n".to_owned() } else { " ".repeat(one.len_utf8()) };
        let blanked: String = out[start..end].chars().map(blank).collect();
        out.replace_range(start..end, &blanked);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &str) {
        assert_eq!(code(input), expected);
        assert_eq!(code(input).len(), input.len());
    }

    #[test]
    fn comments_go() {
        check("a // b\nc", "a     \nc");
        check("a /* b /* { */ } */ c", "a                   c");
    }

    #[test]
    fn strings_go() {
        check("f(\"{ // \\\" }\", 1)", "f(           , 1)");
        check("f(r#\"a\" } \"#, 1)", "f(          , 1)");
        check("f(br\"\\\", b\"x\", c\"y\")", "f(     ,     ,     )");
        check("let s = \"caf\u{e9}\";", "let s =        ;");
    }

    #[test]
    fn characters_go_and_lifetimes_stay() {
        check("'{' '\\'' b'}' '\u{e9}' x", "                   x");
        check("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
        check("'outer: loop { break 'outer; }", "'outer: loop { break 'outer; }");
    }

    #[test]
    fn words_and_raw_identifiers_are_not_prefixes() {
        check("for r#type in br {}", "for r#type in br {}");
        check("matcher(\"}\")", "matcher(   )");
    }

    #[test]
    fn an_item_ends_at_its_brace_or_semicolon() {
        let text = "fn f(x: [u8; 3]) -> u8 { { 1 } } fn g();";
        assert_eq!(&text[..item_end(text, 0)], "fn f(x: [u8; 3]) -> u8 { { 1 } }");
        assert_eq!(item_end(text, 33), text.len());
    }

    #[test]
    fn inline_tests_are_blanked() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\nfn c() {}";
        let kept = without_inline_tests(text);
        assert!(kept.contains("fn a()") && kept.contains("fn c()") && !kept.contains("fn b()"));
        assert_eq!(kept.lines().count(), text.lines().count());
    }

    #[test]
    fn whole_words_only() {
        assert_eq!(words("fn fnord xfn fn", "fn").collect::<Vec<_>>(), [0, 13]);
        assert_eq!(identifier("fn  name(", 2), "name");
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }
}
