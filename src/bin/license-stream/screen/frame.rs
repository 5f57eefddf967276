//! The lines that are kept current, and where they are on a terminal whose window may have changed.

use console::measure_text_width;

/// Columns and rows.
pub(super) type Size = (usize, usize);

/// Lines that are kept current, as they were printed last: the cursor is on the row below them.
#[derive(Debug)]
pub(super) struct Frame {
    lines: Vec<String>,
    /// Of the window then.
    size: Size,
    /// Widths of lines right above them, which a window that became lower has pushed out at its top. Most terminals
    /// give them back when it becomes higher.
    pushed_out: Vec<usize>,
}

/// How many lines are kept current at most. When a window is split, or halved, it wraps them to twice as many rows: had
/// they no room then, the terminal would push out a part of a line, which nobody can take back.
pub(super) fn most((_, rows): Size) -> usize {
    (rows.saturating_sub(1) / 2).max(1)
}

/// How wide lines may be: twice as wide as half of a window is, in which a border takes a column.
pub(super) fn widest(columns: usize) -> usize {
    columns.saturating_sub(2)
}

impl Frame {
    pub(super) const fn new() -> Self {
        Self { lines: Vec::new(), size: (0, 0), pushed_out: Vec::new() }
    }

    /// What is to be written so that `lines` are there in their place.
    pub(super) fn show(&mut self, lines: Vec<String>, size: Size) -> Vec<u8> {
        // Lines written over what a terminal has wrapped would be joined to one when it becomes wider.
        let is_wrapped = size.0 < self.size.0;
        let rows = self.take_place(size);
        self.lines = lines;
        if self.lines.is_empty() {
            self.pushed_out.clear();
        }
        let mut bytes = up(rows);
        if is_wrapped || self.lines.is_empty() {
            bytes.extend(erased(rows));
        }
        if !self.lines.is_empty() {
            bytes.extend(self.printed());
            bytes.extend(b"\x1b[J");
        }
        bytes
    }

    /// What is to be written so that `bytes`, which are whole lines, stay above them.
    pub(super) fn aside(&mut self, bytes: &[u8], size: Size) -> Vec<u8> {
        if self.lines.is_empty() {
            return bytes.to_vec();
        }
        let rows = self.take_place(size);
        // From now on something is between.
        self.pushed_out.clear();
        [up(rows), erased(rows), bytes.to_vec(), self.printed()].concat()
    }

    fn printed(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| format!("{line}\x1b[K\n").into_bytes()).collect()
    }

    /// How many rows above the cursor the lines begin, or those that were pushed out and have come back, now that the
    /// window is of this size. Where a terminal does not give them back, the lines begin at its first row, above which
    /// no cursor goes.
    fn take_place(&mut self, (columns, rows): Size) -> usize {
        let higher = rows.saturating_sub(self.size.1);
        self.size = (columns, rows);
        let columns = columns.max(1);
        let widths = self.lines.iter().map(|line| measure_text_width(line));
        let widths: Vec<_> = widths.collect();
        let come_back = self.take_back(higher, columns);
        let height: usize = widths.iter().map(|width| wrapped(*width, columns)).sum();
        self.push_out(&widths, (height + 1).saturating_sub(rows), columns);
        come_back + height
    }

    /// As many of the `rows` that a window has got in addition as are taken by what was pushed out before.
    fn take_back(&mut self, rows: usize, columns: usize) -> usize {
        let mut taken = 0;
        while let Some(width) = self.pushed_out.pop_if(|_| taken < rows) {
            taken += wrapped(width, columns);
        }
        taken.min(rows)
    }

    /// Takes note of the first `rows` of lines as wide as `widths`, which have no room any more. A line of which a part
    /// is left is none of them: the terminal joins that part to what is written there next, and what somebody else has
    /// written above must not be taken away.
    fn push_out(&mut self, widths: &[usize], rows: usize, columns: usize) {
        let mut left = rows;
        for width in widths {
            let height = wrapped(*width, columns);
            if height > left {
                break;
            }
            self.pushed_out.push(*width);
            left -= height;
        }
    }
}

/// Moves the cursor to the beginning of the row so many above it.
fn up(rows: usize) -> Vec<u8> {
    if rows == 0 { Vec::new() } else { format!("\r\x1b[{rows}A").into_bytes() }
}

/// Makes so many rows empty, the first of them that of the cursor, which is there again then. One by one: what is cleared
/// from the first row of a window on is not gone for some terminals, but before it.
fn erased(rows: usize) -> Vec<u8> {
    [b"\x1b[2K\x1b[1B".repeat(rows), up(rows)].concat()
}

/// Rows of a line: a terminal that has become narrower has wrapped it.
fn wrapped(width: usize, columns: usize) -> usize {
    width.div_ceil(columns).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lines: &[String], columns: usize) -> usize {
        let mut frame = Frame::new();
        frame.show(lines.to_vec(), (80, 24));
        frame.take_place((columns, 24))
    }

    #[test]
    fn wrapped_lines_are_counted_as_often_as_they_are_long() {
        let lines = ["x".repeat(79), String::new(), "y".repeat(40)];
        assert_eq!(rows(&lines, 80), 3);
        assert_eq!(rows(&lines, 40), 4);
        assert_eq!(rows(&lines, 39), 6);
        assert_eq!(rows(&[], 80), 0);
        // Colours take no room.
        assert_eq!(rows(&[format!("\x1b[36m{}\x1b[0m", "z".repeat(40))], 40), 1);
    }

    #[test]
    fn all_lines_have_room_in_half_of_a_window() {
        for columns in 60..=241 {
            for rows in 3..60 {
                let lines = vec!["x".repeat(widest(columns)); most((columns, rows))];
                let mut frame = Frame::new();
                frame.show(lines, (columns, rows));
                let height = frame.take_place(((columns - 1) / 2, rows));
                assert!(height < rows && frame.pushed_out.is_empty(), "{columns} × {rows}");
            }
        }
    }

    #[test]
    fn nothing_is_written_over_what_a_terminal_has_wrapped() {
        let mut frame = Frame::new();
        frame.show(vec!["x".repeat(79)], (80, 24));
        let short = || vec!["short".to_owned()];
        let bytes = frame.show(short(), (60, 24));
        let erased = "\r\x1b[2A\x1b[2K\x1b[1B\x1b[2K\x1b[1B\r\x1b[2Ashort\x1b[K\n\x1b[J";
        assert_eq!(String::from_utf8(bytes).unwrap(), erased);
        let bytes = frame.show(short(), (80, 24));
        assert_eq!(String::from_utf8(bytes).unwrap(), "\r\x1b[1Ashort\x1b[K\n\x1b[J");
    }

    /// A terminal whose window becomes lower and higher, as tmux has it: rows below the cursor go first, then those at
    /// the top, which come back if it `gives_back`. It knows what a frame writes, and no line that is too long.
    #[derive(Debug)]
    struct Terminal {
        history: Vec<String>,
        window: Vec<String>,
        cursor: usize,
        rows: usize,
        gives_back: bool,
    }

    impl Terminal {
        fn new(rows: usize, gives_back: bool) -> Self {
            let window = vec![String::new(); rows];
            Self { history: Vec::new(), window, cursor: 0, rows, gives_back }
        }

        fn size(&self) -> Size {
            (80, self.rows)
        }

        fn resize(&mut self, rows: usize) {
            while self.window.len() > rows {
                if self.cursor + 1 < self.window.len() {
                    self.window.pop();
                } else {
                    self.history.push(self.window.remove(0));
                    self.cursor -= 1;
                }
            }
            while self.window.len() < rows {
                match self.history.pop_if(|_| self.gives_back) {
                    Some(row) => {
                        self.window.insert(0, row);
                        self.cursor += 1;
                    }
                    None => self.window.push(String::new()),
                }
            }
            self.rows = rows;
        }

        fn write(&mut self, bytes: Vec<u8>) {
            let text = String::from_utf8(bytes).unwrap();
            let mut rest = text.as_str();
            while let Some(char) = rest.chars().next() {
                let code = rest.strip_prefix("\x1b[").map(|code| {
                    code.split_at(code.find(|char: char| char.is_ascii_alphabetic()).unwrap())
                });
                rest = &rest[char.len_utf8()..];
                if let Some((number, end)) = code {
                    let number = number.parse().unwrap_or_default();
                    match end.as_bytes()[0] {
                        b'A' => self.cursor = self.cursor.saturating_sub(number),
                        b'B' => self.cursor = self.rows.min(self.cursor + number + 1) - 1,
                        // What is written is the whole of a row here.
                        b'K' if number == 0 => {}
                        b'K' => self.window[self.cursor].clear(),
                        b'J' => {
                            assert!(self.cursor > 0, "tmux would keep all of it");
                            self.window[self.cursor..].fill(String::new());
                        }
                        _ => panic!("{text:?}"),
                    }
                    rest = &end[1..];
                } else if char == '\n' {
                    self.cursor += 1;
                    if self.cursor == self.rows {
                        self.history.push(self.window.remove(0));
                        self.window.push(String::new());
                        self.cursor -= 1;
                    }
                } else if char != '\r' {
                    let end = rest.find(['\n', '\r', '\x1b']).unwrap_or(rest.len());
                    self.window[self.cursor] = format!("{char}{}", &rest[..end]);
                    rest = &rest[end..];
                }
            }
        }

        /// What is seen, and with `all` what has gone out of sight too.
        fn lines(&self, all: bool) -> Vec<&str> {
            let before = self.history.iter().filter(|_| all);
            let lines = before.chain(&self.window).map(String::as_str);
            lines.filter(|line| !line.is_empty()).collect()
        }
    }

    /// Nine lines, as many as there is room for.
    fn lines(terminal: &Terminal, tick: usize) -> Vec<String> {
        (1..=9).take(terminal.rows - 1).map(|line| format!("line {line} of {tick}")).collect()
    }

    #[test]
    fn a_window_that_becomes_lower_and_higher_again_has_the_lines_once() {
        for gives_back in [true, false] {
            for above in [0, 2, 10, 40] {
                for heights in [&[5, 24][..], &[5, 7, 24], &[3, 9, 4, 24], &[8, 5, 10, 12, 30]] {
                    let mut terminal = Terminal::new(24, gives_back);
                    let said = (0..above).map(|line| format!("said {line}"));
                    let said: Vec<_> = said.collect();
                    said.iter().for_each(|line| terminal.write(format!("{line}\n").into()));
                    let mut frame = Frame::new();
                    let bytes = frame.show(lines(&terminal, 0), terminal.size());
                    terminal.write(bytes);
                    for (tick, height) in heights.iter().enumerate() {
                        terminal.resize(*height);
                        // Twice, as it is kept current.
                        for tick in [tick, tick + 1] {
                            let bytes = frame.show(lines(&terminal, tick), terminal.size());
                            terminal.write(bytes);
                        }
                        let shown = lines(&terminal, tick + 1);
                        let seen = terminal.lines(false);
                        let case = format!("{gives_back} {above} {heights:?}: {terminal:?}");
                        assert!(
                            seen.ends_with(&shown.iter().map(String::as_str).collect::<Vec<_>>()),
                            "{case}"
                        );
                        let stale = seen.len() - shown.len();
                        assert!(
                            seen[..stale].iter().all(|line| line.starts_with("said ")),
                            "{case}"
                        );
                    }
                    let said_then =
                        terminal.lines(true).into_iter().filter(|line| line.starts_with("said "));
                    assert_eq!(said_then.collect::<Vec<_>>(), said);
                }
            }
        }
    }

    #[test]
    fn what_was_said_since_is_not_taken_away() {
        let mut terminal = Terminal::new(24, true);
        let mut frame = Frame::new();
        for height in [24, 5] {
            terminal.resize(height);
            let bytes = frame.show(lines(&terminal, 0), terminal.size());
            terminal.write(bytes);
        }
        let bytes = frame.aside(b"said\n", terminal.size());
        terminal.write(bytes);
        terminal.resize(24);
        let bytes = frame.show(lines(&terminal, 1), terminal.size());
        terminal.write(bytes);
        let seen = terminal.lines(true);
        assert_eq!(seen.iter().filter(|line| **line == "said").count(), 1, "{seen:?}");
        assert_eq!(seen.iter().filter(|line| line.ends_with("of 1")).count(), 9, "{seen:?}");
    }
}
