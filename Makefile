# make build        one static binary: ./roomline
# make demo         two real calls on loopback, then try it by hand; ONCE=1 exits after the report
# make test         everything: vet, units under -race, fuzzing, and the calls between real peers
.PHONY: build demo test

build:
	CGO_ENABLED=0 go build -tags goolm -trimpath -o roomline ./cmd/roomline

demo:
	@test/interop/demo/run.sh $(if $(ONCE),-once)

test:
	@test/run.sh
