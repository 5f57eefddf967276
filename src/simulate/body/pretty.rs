//! JSON over many lines.

/// Spreads compact JSON over lines, with spaces, however it is cut into pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct Pretty {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Pretty {
    /// Appends the next piece; behind the end of a value at the top, a line feed.
    pub(super) fn append(&mut self, compact: &[u8], out: &mut Vec<u8>) {
        for &byte in compact {
            if self.in_string {
                out.push(byte);
                self.in_string = self.escaped || byte != b'"';
                self.escaped = !self.escaped && byte == b'\\';
                continue;
            }
            match byte {
                b'{' | b'[' => {
                    out.push(byte);
                    self.depth += 1;
                    self.new_line(out);
                }
                b'}' | b']' => {
                    self.depth -= 1;
                    self.new_line(out);
                    out.push(byte);
                    if self.depth == 0 {
                        out.push(b'\n');
                    }
                }
                b',' => {
                    out.push(byte);
                    self.new_line(out);
                }
                b':' => out.extend_from_slice(b" : "),
                _ => {
                    self.in_string = byte == b'"';
                    out.push(byte);
                }
            }
        }
    }

    fn new_line(&self, out: &mut Vec<u8>) {
        out.push(b'\n');
        out.resize(out.len() + 2 * self.depth, b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_white_space_is_added() {
        let compact = r#"{"a\\":["[{\",:",{}],"b":[],"c":-1.5}"#;
        let pretty = "{\n  \"a\\\\\" : [\n    \"[{\\\",:\",\n    {\n      \n    }\n  ],\n  \
            \"b\" : [\n    \n  ],\n  \"c\" : -1.5\n}\n";
        for size in 1..=compact.len() {
            let mut state = Pretty::default();
            let mut out = Vec::new();
            compact.as_bytes().chunks(size).for_each(|piece| state.append(piece, &mut out));
            assert_eq!(String::from_utf8(out).unwrap(), pretty, "pieces of {size}");
        }
    }
}
