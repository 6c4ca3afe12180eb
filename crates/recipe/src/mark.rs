//! What of a value may hold a provider's words, known without the value.
//!
//! Only texts hold words: what is a number, true or false has no mark. A mark may say more than is so, never less.

use std::sync::Arc;

/// How deep a mark tells parts apart: what lies deeper is marked as a whole, so that no loop makes it grow for ever.
const DEPTH_MAX: usize = 6;

/// What of a value may hold words.
///
/// Where words came from tells no two marks apart: of several origins the one that was known first is kept.
#[derive(Debug, Clone, Default)]
pub enum Mark {
    /// Nothing.
    #[default]
    Clean,
    /// All of it; the number tells where they came from.
    Words(u32),
    /// These fields of an object, by name; the others do not.
    Fields(Vec<(Arc<str>, Mark)>),
    /// Each item of a list.
    Items(Box<Mark>),
}

impl PartialEq for Mark {
    fn eq(&self, other: &Mark) -> bool {
        match (self, other) {
            (Mark::Clean, Mark::Clean) | (Mark::Words(_), Mark::Words(_)) => true,
            (Mark::Fields(one), Mark::Fields(other)) => one == other,
            (Mark::Items(one), Mark::Items(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Mark {}

impl Mark {
    /// An object whose fields are so.
    pub fn fields(fields: impl IntoIterator<Item = (Arc<str>, Mark)>) -> Mark {
        let mut all = Mark::Clean;
        for (name, mark) in fields {
            all.set(name, mark);
        }
        all
    }

    /// A list whose items are so.
    pub fn items(item: Mark) -> Mark {
        match item {
            Mark::Clean => Mark::Clean,
            item if item.depth() >= DEPTH_MAX => item.whole(),
            item => Mark::Items(Box::new(item)),
        }
    }

    /// Where the words in it came from; None: there are none.
    pub fn origin(&self) -> Option<u32> {
        match self {
            Mark::Clean => None,
            Mark::Words(origin) => Some(*origin),
            Mark::Fields(fields) => fields.iter().find_map(|(_, mark)| mark.origin()),
            Mark::Items(item) => item.origin(),
        }
    }

    /// Whether no words are in it.
    pub fn is_clean(&self) -> bool {
        *self == Mark::Clean
    }

    /// A text that is made of it.
    pub fn whole(&self) -> Mark {
        self.origin().map_or(Mark::Clean, Mark::Words)
    }

    /// Its field of that name.
    pub fn field(&self, name: &str) -> Mark {
        match self {
            // A length is a number.
            _ if name == "length" => Mark::Clean,
            Mark::Clean => Mark::Clean,
            Mark::Words(origin) => Mark::Words(*origin),
            Mark::Fields(fields) => fields
                .iter()
                .find(|(field, _)| &**field == name)
                .map_or(Mark::Clean, |(_, mark)| mark.clone()),
            // A list on the way is gone through.
            Mark::Items(item) => item.field(name),
        }
    }

    /// A field or an item, nobody knows which.
    pub fn any(&self) -> Mark {
        match self {
            Mark::Fields(fields) => fields.iter().fold(Mark::Clean, |any, (_, mark)| any.or(mark)),
            other => other.item(),
        }
    }

    /// An item of it: one object is a list of one.
    pub fn item(&self) -> Mark {
        match self {
            Mark::Items(item) => (**item).clone(),
            other => other.clone(),
        }
    }

    /// What lies at a path such as `order.rows[0].name`.
    pub fn path(&self, path: &str) -> Mark {
        let parts = path.split(['.', '[', ']']).filter(|part| !part.is_empty());
        parts.fold(self.clone(), |mark, part| match part.parse::<i64>() {
            Ok(_) => mark.any(),
            Err(_) if part == "*" => mark.item(),
            Err(_) => mark.field(part.trim_matches(['"', '\''])),
        })
    }

    /// Sets a field of an object.
    pub fn set(&mut self, name: Arc<str>, mark: Mark) {
        match self {
            Mark::Words(_) => {}
            Mark::Items(item) => item.set(name, mark),
            Mark::Clean if mark.is_clean() => {}
            Mark::Clean => *self = Mark::Fields(vec![(name, mark)]).bounded(),
            Mark::Fields(fields) => {
                let at = fields.binary_search_by(|(field, _)| field.cmp(&name));
                match (at, mark.is_clean()) {
                    (Ok(at), true) => drop(fields.remove(at)),
                    (Ok(at), false) => fields[at].1 = mark,
                    (Err(_), true) => {}
                    (Err(at), false) => fields.insert(at, (name, mark)),
                }
                let all = std::mem::take(self);
                *self = if all == Mark::Fields(Vec::new()) { Mark::Clean } else { all.bounded() };
            }
        }
    }

    /// Sets what lies at a path: `order.name`.
    pub fn path_set(&mut self, path: &str, mark: Mark) {
        match path.split_once(['.', '[']) {
            Some((first, rest)) => {
                let mut inner = self.field(first);
                inner.path_set(rest.trim_end_matches(']'), mark);
                self.set(first.into(), inner);
            }
            None => self.set(path.into(), mark),
        }
    }

    /// The fields of another object laid over it.
    pub fn over(&self, above: &Mark) -> Mark {
        match (self, above) {
            (_, Mark::Fields(fields)) => {
                let mut all = self.clone();
                for (name, mark) in fields {
                    all.set(name.clone(), mark.clone());
                }
                all
            }
            _ => self.or(above),
        }
    }

    /// It may be either.
    pub fn or(&self, other: &Mark) -> Mark {
        match (self, other) {
            (Mark::Clean, mark) | (mark, Mark::Clean) => mark.clone(),
            (Mark::Fields(a), Mark::Fields(b)) => {
                let mut all = self.clone();
                for (name, mark) in b {
                    let here = a.iter().find(|(field, _)| field == name).map(|(_, mark)| mark);
                    all.set(name.clone(), here.map_or_else(|| mark.clone(), |here| here.or(mark)));
                }
                all
            }
            (Mark::Items(a), Mark::Items(b)) => Mark::items(a.or(b)),
            _ => self.origin().or(other.origin()).map_or(Mark::Clean, Mark::Words),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Mark::Clean | Mark::Words(_) => 0,
            Mark::Fields(fields) => 1 + fields.iter().map(|(_, mark)| mark.depth()).max().unwrap_or(0),
            Mark::Items(item) => 1 + item.depth(),
        }
    }

    fn bounded(self) -> Mark {
        if self.depth() > DEPTH_MAX { self.whole() } else { self }
    }
}
