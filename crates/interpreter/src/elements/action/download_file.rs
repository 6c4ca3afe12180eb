//! action/downloadFile

use workflow::{Class, Declaration};

use super::file;
use crate::{
    element::Type,
    elements::{IN, OUT, value},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "action/downloadFile",
        doc: "Downloads a file in the browser that asked.",
        class: Class::Pure,
        options: &[value("file", "{id, name, url}; the input if left out.")],
        ins: IN,
        outs: OUT,
        outs_from: None,
        examples: &[],
    },
    |firing| file(firing, "downloadFile"),
);
