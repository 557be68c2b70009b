"""Stories of remittances with the exact ledger behind them: `remittances/README.md` explains how they are written."""
