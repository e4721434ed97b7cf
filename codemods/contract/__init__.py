"""The project's own suite on both packages: written once in upstream's sync style, run everywhere."""

from codemods.contract.line import ContractError, ContractOptions, run_contract
from codemods.contract.report import ContractReport, to_terminal

__all__ = ["ContractError", "ContractOptions", "ContractReport", "run_contract", "to_terminal"]
