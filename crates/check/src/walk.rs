//! Every expression of an element, with the steps that lead to it.

use recipe::Recipe;
use workflow::{Element, Part, Step, Template};

/// Calls `see` with every recipe of an element and the steps to the value that it stands in.
pub(crate) fn recipes<'e>(element: &'e Element, see: &mut dyn FnMut(&'e Recipe, &[Step<'e>])) {
    for (name, template) in &element.options.list {
        let mut steps = vec![Step::Key("options"), Step::Key(name)];
        recipes_of(template, &mut steps, see);
    }
    for (port, template) in &element.ins {
        let Some(name) = element.in_names.get(usize::from(*port)) else { continue };
        let mut steps = vec![Step::Key("in"), Step::Key(name)];
        recipes_of(template, &mut steps, see);
    }
}

fn recipes_of<'e>(
    template: &'e Template,
    steps: &mut Vec<Step<'e>>,
    see: &mut dyn FnMut(&'e Recipe, &[Step<'e>]),
) {
    match template {
        Template::Literal(_) | Template::Port(_) => {}
        Template::Recipe(recipe) => see(recipe, steps),
        Template::Text(parts) => parts.iter().for_each(|part| match part {
            Part::Recipe(recipe) => see(recipe, steps),
            Part::Literal(_) => {}
        }),
        Template::List(_) | Template::Object(_) => {
            inside(template, steps, &mut |template, steps| recipes_of(template, steps, see));
        }
    }
}

/// Calls `see` with each part of a list or an object. What stands under a key that is only known at run time is
/// placed at the object.
pub(crate) fn inside<'e>(
    template: &'e Template,
    steps: &mut Vec<Step<'e>>,
    see: &mut dyn FnMut(&'e Template, &mut Vec<Step<'e>>),
) {
    match template {
        Template::List(items) => {
            for (at, item) in items.iter().enumerate() {
                steps.push(Step::At(at));
                see(item, steps);
                steps.pop();
            }
        }
        Template::Object(fields) => {
            for (key, value) in fields {
                let name = key.literal().and_then(|key| key.as_str());
                match name {
                    Some(name) => {
                        steps.push(Step::Key(name));
                        see(value, steps);
                        steps.pop();
                    }
                    None => {
                        see(key, steps);
                        see(value, steps);
                    }
                }
            }
        }
        Template::Literal(_) | Template::Recipe(_) | Template::Port(_) | Template::Text(_) => {}
    }
}
