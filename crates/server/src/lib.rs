//! What the outside sees: routes, live delivery, sign-in, pages.
