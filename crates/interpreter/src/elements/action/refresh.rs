//! action/refresh

use workflow::{Class, Declaration};

use super::page;
use crate::{
    element::{Step, Type, port},
    elements::{IN, OUT, ignored},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "action/refresh",
        doc: "Has the browser that asked load its view again.",
        class: Class::Pure,
        options: &[ignored("target"), ignored("view")],
        ins: IN,
        outs: OUT,
        outs_from: None,
        examples: &[],
    },
    |firing| {
        firing.left.page.push(page("refresh", []));
        Ok(Step::Emit(port("default", firing.input())))
    },
);
