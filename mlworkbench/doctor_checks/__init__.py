"""What `wb.doctor` looks at: this machine and process, the tracking store; and the report of what it found."""
