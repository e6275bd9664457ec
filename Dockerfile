# syntax=docker/dockerfile:1
# semantest-iac with what a deployment needs beside it: Node.js and npm, with which components are built, and git, which says
# what was deployed. The embedded local cloud needs Python, and is left out: an environment names its `endpoint` by URL.
#
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/project" -e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY \
#     ghcr.io/semantest/semantest-iac deploy --all --provider aws --env production --yes

FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --locked --profile dist --bin semantest-iac \
    && install -m 755 target/dist/semantest-iac /usr/local/bin/semantest-iac

FROM node:22-bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git \
    && rm -rf /var/lib/apt/lists/* \
    # Whoever the container runs as, the project is somebody else's to git, and its commit is wanted all the same.
    && git config --system --add safe.directory /project \
    && mkdir /project && chown node:node /project
COPY --from=build /usr/local/bin/semantest-iac /usr/local/bin/semantest-iac
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/semantest-iac/
# Any user may be chosen with --user, and npm needs a home folder that it may write to.
ENV HOME=/tmp
USER node
WORKDIR /project
ENTRYPOINT ["semantest-iac"]
CMD ["--help"]
