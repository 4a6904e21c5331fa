using System.Runtime.CompilerServices;

namespace EdgeProxy.Tests.Support;

/// <summary>The files of this repository that tests keep true.</summary>
internal static class Repository
{
    public static string File(string path, [CallerFilePath] string self = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(self)!, "../../..", path));
}
