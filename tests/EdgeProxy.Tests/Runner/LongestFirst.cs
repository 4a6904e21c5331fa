using EdgeProxy.Tests.Runner;
using EdgeProxy.Tests.Tls;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LongestFirst))]

namespace EdgeProxy.Tests.Runner;

/// <summary>The order in which collections are begun: the class that takes by far the longest first, so that nobody waits for it alone.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. testCollections.OrderByDescending(IsLong).ThenBy(collection => collection.TestCollectionDisplayName, StringComparer.Ordinal)];

    private static bool IsLong<TTestCollection>(TTestCollection collection)
        where TTestCollection : ITestCollection =>
        collection.TestCollectionDisplayName.Contains(typeof(TestSslTests).FullName!, StringComparison.Ordinal);
}
