"""Every read of enrolments. Ids of people that come out are canonical, and so are those that go in."""
