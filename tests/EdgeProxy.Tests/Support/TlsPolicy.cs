using System.Runtime.CompilerServices;
using EdgeProxy.Tls;

namespace EdgeProxy.Tests.Support;

/// <summary>
/// As in the product, the policy comes before the first TLS connection of the process: clients of other tests would be earlier than the first proxy, and the
/// runtime looks at OpenSSL's cipher suites once.
/// </summary>
internal static class TlsPolicy
{
    [ModuleInitializer]
    internal static void Apply() => Assert.Null(OpenSslPolicy.Apply().Problem);
}
