#![doc = "Hefe."]
fn main() {}
