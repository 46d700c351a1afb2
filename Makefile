# make build        one static binary: ./roomline
# make demo         two real calls on loopback, then try it by hand; ONCE=1 exits after the report
# make test         everything: vet, units under -race, fuzzing, and the calls between real peers
# make bench        how long a call's set-up takes here, encrypted too, what 1,000 numbers cost, and how many SIP calls a core carries
#                   and what a flood does to those that are up (beside Asterisk; after test/interop/bed/bed install); OLD=./program is measured beside it in the first
# make kills        kills the gateway 1,000 times and counts what rang twice or was left open
.PHONY: build demo test bench kills

build:
	CGO_ENABLED=0 go build -tags goolm -trimpath -o roomline ./cmd/roomline

demo:
	@test/interop/demo/run.sh $(if $(ONCE),-once)

test:
	@test/run.sh

bench:
	@go run -tags goolm ./test/bench/setuptime -n 300 $(if $(OLD),-old $(OLD))
	@go run -tags goolm ./test/bench/ghosts -n 1000
	@test/interop/bed/bed exec go run -tags goolm ./test/bench/sip
	@go run -tags goolm ./test/bench/flood

kills:
	@go run -tags goolm ./test/bench/killcycles -n 1000
