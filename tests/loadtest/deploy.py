"""The Kubernetes base as tests read it: as it is written, and as kustomize makes it."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "loadtest" / "deploy"
PAGE = ROOT / "docs" / "kubernetes.md"

Document = dict[str, Any]


class Manifests(list[Document]):
    """What is applied to a cluster."""

    def of(self, kind: str, name: str) -> Document:
        (found,) = (each for each in self if each["kind"] == kind and each["metadata"]["name"] == name)
        return found

    def names(self, kind: str) -> set[str]:
        return {each["metadata"]["name"] for each in self if each["kind"] == kind}

    @property
    def pods(self) -> dict[str, Document]:
        """Every pod's template, by its owner's name."""
        return {
            each["metadata"]["name"]: each["spec"]["template"] for each in self if each["kind"] in ("Job", "Deployment")
        }

    def container(self, owner: str) -> Document:
        (container,) = self.pods[owner]["spec"]["containers"]
        return container

    @property
    def files(self) -> dict[str, str]:
        """What is to be loaded, by the files' names."""
        (data,) = (each["data"] for each in self if each["kind"] == "ConfigMap")
        return data


def kustomization() -> Document:
    return yaml.safe_load((DEPLOY / "kustomization.yaml").read_text(encoding="utf-8"))


def overlay() -> Document:
    """The overlay that the page on Kubernetes shows."""
    page = PAGE.read_text(encoding="utf-8")
    (block,) = (block for block in re.findall(r"(?:^ {4}.*\n)+", page, re.MULTILINE) if "kind: Kustomization" in block)
    return yaml.safe_load(re.sub(r"^ {4}", "", block, flags=re.MULTILINE))


def as_written(_: Path) -> Manifests:
    """The files as they stand: kustomize only adds the image's tag, and a hash to the name of the ConfigMap."""
    texts = [(DEPLOY / file).read_text(encoding="utf-8") for file in kustomization()["resources"]]
    (generator,) = kustomization()["configMapGenerator"]
    data = {Path(file).name: (DEPLOY / file).read_text(encoding="utf-8") for file in generator["files"]}
    load = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generator["name"]}, "data": data}
    return Manifests([document for text in texts for document in yaml.safe_load_all(text)] + [load])


def as_built(_: Path) -> Manifests:
    return build(DEPLOY)


def as_overlaid(directory: Path) -> Manifests:
    """The page's overlay, beside a checkout of that name, with other files than the base's."""
    (directory / "tailgate").symlink_to(ROOT)
    mine = directory / "mine"
    shutil.copytree(DEPLOY / "load", mine)
    (mine / "locustfile.py").write_text("# mine\n", encoding="utf-8")
    (mine / "kustomization.yaml").write_text(yaml.safe_dump(overlay()), encoding="utf-8")
    built = build(mine)
    assert built.files["locustfile.py"] == "# mine\n"
    return built


def build(directory: Path) -> Manifests:
    done = subprocess.run(["kustomize", "build", directory], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Manifests(yaml.safe_load_all(done.stdout))
