# Everything is in scripts/, a small file each. `make` alone prints this list.
.PHONY: help run whatsapp tweet test test-attacks test-compose test-languages conformance check format docs lock clean omega test-omega soak bench
.DEFAULT_GOAL := help

help: ## print this list
	@sed -n 's/\\#/#/;s/^\([a-z-]*\):.*## /make \1	/p' Makefile | expand -t 19

run: ## set up what is missing, then run the broker and all services; Ctrl-C ends them
	@scripts/run

whatsapp: ## say something to the running demo as Twilio would: make whatsapp TEXT="unlock the front door"
	@test -n "$$TEXT" || { echo 'Say what:  make whatsapp TEXT="unlock the front door"'; exit 2; }
	@test -x .venv/bin/latchwire || { echo 'Nothing runs here yet. Type:  make run'; exit 1; }
	@.venv/bin/python -m latchwire_whatsapp_webhook.say "$$TEXT"

tweet: ## post something to the running demo's stand-in for X: make tweet TEXT="home soon \#unlock"
	@test -n "$$TEXT" || { echo 'Say what:  make tweet TEXT="#unlock"'; exit 2; }
	@test -x .venv/bin/latchwire || { echo 'Nothing runs here yet. Type:  make run'; exit 1; }
	@scripts/demo-x post "$$TEXT"

test: ## set up what is missing, then run every test
	@scripts/setup
	@PATH="$$PATH:/usr/sbin" .venv/bin/pytest -n auto $(ARGS)

test-attacks: ## somebody wants in: each attack against Mosquitto and against NATS in a cluster
	@scripts/setup
	@PATH="$$PATH:/usr/sbin" .venv/bin/pytest -n 2 tests/attacks $(ARGS)

test-compose: ## try docker-compose.yml from outside, in a clean clone (takes some minutes)
	@scripts/test-compose $(ARGS)

test-languages: ## try the lamp in Python, JavaScript and shell from outside (docs/other-languages.md)
	@AGENT= scripts/test-languages $(ARGS)

conformance: ## try an agent of your own: make conformance AGENT="./my-agent"
	@test -n "$$AGENT" || { echo 'Say what starts it:  make conformance AGENT="./my-agent"'; exit 2; }
	@scripts/test-languages $(ARGS)

omega: ## build dist/relay-agent.pyz and dist/relay-agent_VERSION_all.ipk for the Onion Omega
	@scripts/setup
	@PYTHONPATH=scripts .venv/bin/python -m omega_package

test-omega: ## run them on a virtual Omega, and report times and sizes (takes some minutes; needs QEMU)
	@scripts/test-omega $(ARGS)

soak: ## 100,000 commands and 1,000 reconnects for one agent: its memory must stay flat (takes minutes)
	@scripts/setup
	@LATCHWIRE_SOAK=100000 .venv/bin/pytest -s tests/omega/test_soak.py $(ARGS)

bench: ## measure it beside what one would use instead, into docs/performance/; ROWS="send verify", QUICK=1
	@scripts/bench $(if $(QUICK),--quick) $(if $(PAGE),--page) $(ROWS)

.PHONY: fuzz
fuzz: ## give odd inputs to all that reads what comes from outside: make fuzz TARGET=token SECONDS=600 KEEP=yes
	@scripts/setup
	@scripts/fuzz $(if $(AGAIN),--again $(AGAIN),$(if $(SECONDS),--seconds $(SECONDS)) $(if $(KEEP),--keep) $(TARGET))

check: ## linter, formatting, types, lock files in step, shell scripts
	@scripts/setup
	@scripts/check

format: ## format the code and mend what the linter can mend
	@scripts/setup
	@.venv/bin/ruff check --fix --quiet . || true
	@.venv/bin/ruff format .

docs: ## write again the pages that are made from the code: docs/api.md
	@scripts/setup
	@PYTHONPATH=scripts .venv/bin/python scripts/api_page.py

lock: ## resolve the lock files; UPGRADE=--upgrade takes newer versions
	@scripts/setup
	@PATH="$$PWD/.venv/bin:$$PATH" .venv/bin/python scripts/locks.py write $(UPGRADE)

clean: ## remove what was set up here (state/ is yours and stays)
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
