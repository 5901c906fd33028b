"""Adds types that moto's CloudFormation lacks, or of which it drops properties, to moto's CloudFormation.

moto has the services. Each resource is created through its service's API, with
the properties as moto's CloudFormation has computed them, so that the service
checks them and resources.py can read them. This does not test how AWS's
CloudFormation converts the properties; gaps.py says so.
"""

import moto.cloudformation.parsing as parsing
from moto.core.common_models import CloudFormationModel

import make_compute
import make_network
import make_storage

MAKERS = {**make_compute.MAKERS, **make_network.MAKERS, **make_storage.MAKERS}


def _model(type_name, make):
    """Returns a class of the kind that moto's CloudFormation has for each type."""

    class Made(CloudFormationModel):
        __module__ = "moto.cloudformation.models"  # moto reads the service's name from it

        def __init__(self, physical_resource_id, attributes):
            self.physical_resource_id, self.attributes = physical_resource_id, attributes

        @staticmethod
        def cloudformation_type():
            return type_name

        @classmethod
        def has_cfn_attr(cls, attr):
            return True

        def get_cfn_attribute(self, name):
            return self.attributes[name]

        @classmethod
        def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
            return cls(*make(cloudformation_json["Properties"], resource_name))

    return Made


_BEFORE = {}


def register(but=()):
    """Registers these types in moto's CloudFormation, except those in but, which keep moto's own code."""
    known = parsing.get_model_map()  # a cached map, which moto reads for every resource
    for type_name, make in MAKERS.items():
        _BEFORE.setdefault(type_name, known.get(type_name))
        known[type_name] = _BEFORE[type_name] if type_name in but else _model(type_name, make)
