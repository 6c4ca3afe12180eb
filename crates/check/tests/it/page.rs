//! docs/check.md is made of the rules.

#[test]
fn the_page_of_all_rules_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/check.md");
    if std::env::var("HEFE_BLESS").is_ok_and(|what| what == "check") {
        std::fs::write(path, check::page()).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        there == check::page(),
        "docs/check.md is of other rules: `HEFE_BLESS=check cargo nextest run -p check page`"
    );
}

#[test]
fn a_code_is_explained_with_its_examples() {
    let page = check::explain("hf002").unwrap();
    assert!(page.starts_with("HF002: there is no element type of that name (error)"), "{page}");
    assert!(page.contains("action/lgo"), "{page}");
    assert!(check::explain("HF999").is_none());
}
