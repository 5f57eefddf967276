//! JSON with places to fill: text that is copied, and draws in angle brackets.
//!
//! The head of `integrations.txt` says what can stand between the brackets. A template is parsed
//! once; to append it is then a walk over its steps, each of them a copy and a draw.

use super::facts::Facts;
use super::literal::Literal;
use super::random::Random;
use super::text;

/// A parsed template: texts and draws in turn, and a text at the end.
#[derive(Debug)]
pub(super) struct Template {
    steps: Vec<(Literal, Draw)>,
    end: Literal,
}

#[derive(Debug)]
enum Draw {
    Id,
    Uuid,
    Hex(usize),
    Alphanumeric(usize),
    Integer { least: u64, span: u32 },
    Assigned,
    Available,
    Amount,
    Created(usize),
    CreatedDay,
    Updated(usize),
    UpdatedDay,
    AnyOf(Vec<Template>),
    ByKind(Vec<Template>),
    ByState(Vec<Template>),
    Each { least: u32, most: u32, item: Template },
}

impl Template {
    /// Parses `source`; the error says what is wrong with it.
    pub(super) fn parse(source: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = source;
        while let Some(open) = rest.find('<') {
            let close = closing(rest, open).ok_or_else(|| format!("unclosed `<` in `{rest}`"))?;
            steps.push((Literal::new(&rest[..open]), Draw::parse(&rest[open + 1..close])?));
            rest = &rest[close + 1..];
        }
        Ok(Template { steps, end: Literal::new(rest) })
    }

    /// Appends the template, filled with the license's facts and with random draws.
    #[inline]
    pub(super) fn append(&self, facts: &Facts, random: &mut Random, out: &mut Vec<u8>) {
        // Most alternatives are mere text: no need to call for these.
        if !self.steps.is_empty() {
            self.append_steps(facts, random, out);
        }
        self.end.append(out);
    }

    fn append_steps(&self, facts: &Facts, random: &mut Random, out: &mut Vec<u8>) {
        for (text, draw) in &self.steps {
            text.append(out);
            match draw {
                Draw::Id => out.extend_from_slice(&facts.id),
                Draw::Uuid => out.extend_from_slice(&text::uuid(random.bits(), random.bits())),
                Draw::Hex(digits) => in_steps(*digits, 16, |n| {
                    text::append_hex(random.bits(), n, out);
                }),
                Draw::Alphanumeric(digits) => in_steps(*digits, 10, |n| {
                    text::append_alphanumeric(random.bits(), n, out);
                }),
                Draw::Integer { least, span } => {
                    text::append_decimal(least + u64::from(random.below(*span)), out);
                }
                Draw::Assigned => text::append_decimal(facts.assigned.into(), out),
                Draw::Available => text::append_decimal(facts.available.into(), out),
                Draw::Amount => text::append_hundredths(facts.hundredths, out),
                Draw::Created(digits) => facts.created.append(*digits, out),
                Draw::CreatedDay => facts.created.append_day(out),
                Draw::Updated(digits) => facts.updated.append(*digits, out),
                Draw::UpdatedDay => facts.updated.append_day(out),
                Draw::AnyOf(alternatives) => {
                    let chosen = random.below(alternatives.len() as u32);
                    alternatives[chosen as usize].append(facts, random, out);
                }
                Draw::ByKind(alternatives) => {
                    let chosen = facts.kind(alternatives.len() as u32);
                    alternatives[chosen as usize].append(facts, random, out);
                }
                Draw::ByState(alternatives) => {
                    let chosen = facts.state(alternatives.len() as u32);
                    alternatives[chosen as usize].append(facts, random, out);
                }
                Draw::Each { least, most, item } => {
                    for position in 0..facts.items(*least, *most) {
                        if position > 0 {
                            out.push(b',');
                        }
                        item.append(facts, &mut facts.item(position), out);
                    }
                }
            }
        }
    }
}

impl Draw {
    /// Parses what stands between a pair of brackets.
    fn parse(source: &str) -> Result<Self, String> {
        let unknown = |_| format!("not a number in `<{source}>`");
        if let Some(each) = source.strip_prefix("each ") {
            let (range, item) = each.split_once(':').ok_or("no colon in `<each …>`")?;
            let (least, most) = range.split_once(' ').ok_or("no range in `<each …>`")?;
            let (least, most) = (least.parse().map_err(unknown)?, most.parse().map_err(unknown)?);
            return Ok(Draw::Each { least, most, item: Template::parse(item.trim_start())? });
        }
        if let Some(list) = source.strip_prefix("kind: ") {
            return Ok(Draw::ByKind(alternatives(list)?));
        }
        if let Some(list) = source.strip_prefix("state: ") {
            return Ok(Draw::ByState(alternatives(list)?));
        }
        let list = alternatives(source)?;
        if list.len() > 1 {
            return Ok(Draw::AnyOf(list));
        }
        Ok(match source.split(' ').collect::<Vec<_>>()[..] {
            ["id"] => Draw::Id,
            ["uuid"] => Draw::Uuid,
            ["hex", digits] => Draw::Hex(digits.parse().map_err(unknown)?),
            ["alnum", digits] => Draw::Alphanumeric(digits.parse().map_err(unknown)?),
            ["int", least, most] => {
                let (least, most): (u64, u64) =
                    (least.parse().map_err(unknown)?, most.parse().map_err(unknown)?);
                let span = most.checked_sub(least).and_then(|span| u32::try_from(span + 1).ok());
                let span = span.ok_or_else(|| format!("an impossible range in `<{source}>`"))?;
                Draw::Integer { least, span }
            }
            ["assigned"] => Draw::Assigned,
            ["available"] => Draw::Available,
            ["amount"] => Draw::Amount,
            ["created", "day"] => Draw::CreatedDay,
            ["created", digits] => Draw::Created(fraction_digits(digits)?),
            ["updated", "day"] => Draw::UpdatedDay,
            ["updated", digits] => Draw::Updated(fraction_digits(digits)?),
            _ => return Err(format!("`<{source}>` is no known draw")),
        })
    }
}

fn fraction_digits(source: &str) -> Result<usize, String> {
    source
        .parse()
        .ok()
        .filter(|digits| *digits <= 9)
        .ok_or(format!("`{source}` digits of fraction"))
}

/// Parses what stands between the `|` outside of inner brackets.
fn alternatives(source: &str) -> Result<Vec<Template>, String> {
    let mut depth = 0;
    source
        .split(|c| {
            match c {
                '<' => depth += 1,
                '>' => depth -= 1,
                _ => {}
            }
            c == '|' && depth == 0
        })
        .map(Template::parse)
        .collect()
}

/// Where the bracket that `open` opened is closed.
fn closing(source: &str, open: usize) -> Option<usize> {
    let mut depth = 0;
    source.bytes().enumerate().skip(open).find_map(|(at, byte)| {
        match byte {
            b'<' => depth += 1,
            b'>' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

/// Calls `step` with at most `most`, until all of `n` is done.
#[inline]
fn in_steps(mut n: usize, most: usize, mut step: impl FnMut(usize)) {
    while n > 0 {
        let part = n.min(most);
        step(part);
        n -= part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(source: &str) -> String {
        let facts = Facts::new(1, 2);
        let mut out = Vec::new();
        Template::parse(source).unwrap().append(&facts, &mut facts.field(0), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_stays_as_it_is() {
        assert_eq!(filled(r#"{"a":[1,"\n"]}"#), r#"{"a":[1,"\n"]}"#);
    }

    #[test]
    fn draws_have_the_size_that_was_asked_for() {
        assert_eq!(filled("<hex 33>|<alnum 23>|<int 7 7>").len(), 33 + 1 + 23 + 2);
        assert_eq!(filled("<uuid>").len(), 36);
    }

    #[test]
    fn facts_and_lists_agree_wherever_they_are_named() {
        let text = filled("<id> <kind: a|b|c> [<each 1 5: <hex 4>>]");
        assert_eq!(filled("<id> <kind: a|b|c> [<each 1 5: <hex 4>>]"), text);
        assert_eq!(filled("<uuid><id> <kind: a|b|c> [<each 1 5: <hex 4>>]")[36..], text);
    }

    #[test]
    fn alternatives_nest() {
        assert_eq!(filled("<state: x|x>-<y<z|z>|yz>"), "x-yz");
    }

    #[test]
    fn mistakes_are_named() {
        for (source, want) in [
            ("<id", "unclosed `<` in `<id`"),
            ("<ident>", "`<ident>` is no known draw"),
            ("<hex x>", "not a number in `<hex x>`"),
            ("<int 2 1>", "an impossible range in `<int 2 1>`"),
            ("<created 10>", "`10` digits of fraction"),
            ("<each 2 x>", "no colon in `<each …>`"),
        ] {
            assert_eq!(Template::parse(source).unwrap_err(), want);
        }
    }
}
