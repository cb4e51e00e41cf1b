"""What exported events look like where they are kept: exporters write these forms, `hogtrace.events` reads them."""
