//! Makes it happen: workers, leases, schedules, a performer a file for each kind of effect.
