"""XML-RPC's types. To import them takes longer than all else that a job's process needs: what it
imports takes them from here only when they are used."""

try:
    from xmlrpclib import Binary, Fault
except ImportError:  # Python 3
    from xmlrpc.client import Binary, Fault

__all__ = ['Binary', 'Fault']
